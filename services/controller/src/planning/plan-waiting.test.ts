import { describe, expect, test } from 'vitest'
import { plan } from './plan.ts'
import { agent, created, sweep, waiting } from './testing.ts'
import type { AgentView, SweepView } from './view.ts'

const GIB = 1024 ** 3

describe('why a sweep waits', () => {
  const reason = (agents: readonly AgentView[], one: SweepView) => waiting(plan({ agents, sweeps: [one] }), one.id)

  test('what an agent lacks of what the sweep requires, the nearest first', () => {
    const zoneA = agent({ name: 'host-3', labels: { zone: 'a' } })
    const labels = { zone: 'b' }
    expect(reason([zoneA], sweep('a', { shape: { requires: { labels } } }))).toBe(
      'no agent fits what a trial needs; the nearest, host-3, has zone=a, not zone=b',
    )
    expect(reason([agent()], sweep('a', { shape: { requires: { labels } } }))).toMatch(/has no label zone=b$/)
    const t4 = { index: 0, name: 'Tesla T4', memoryBytes: 16 * GIB }
    const small = agent({ name: 'small', labels, slots: [{ index: 0, gpu: t4 }] })
    const shape = { requires: { labels, gpuModel: 'A100', gpuMemoryBytes: 40 * GIB } }
    expect(reason([zoneA, small], sweep('a', { shape }))).toBe(
      'no agent fits what a trial needs; the nearest, small, has Tesla T4 (16 GiB), not A100 with 40 GiB',
    )
    const mixed = [
      { index: 0, gpu: t4 },
      { index: 1, gpu: { index: 1, name: 'NVIDIA A100', memoryBytes: 40 * GIB } },
    ]
    expect(reason([agent({ labels, slots: mixed })], sweep('a', { shape: { ...shape, gpus: 2 } }))).toMatch(
      /has 1 of the 2 GPUs that are A100 with 40 GiB$/,
    )
  })

  test('capacity counts only agents, and GPUs, that are what the sweep requires', () => {
    const labels = { zone: 'b' }
    const agents = [agent({ slots: 5 }), agent({ name: 'two', slots: 3, labels })]
    expect(created(plan({ agents, sweeps: [sweep('a', { shape: { requires: { labels } } })] }))).toEqual({ a: 3 })
  })

  test('trials that are queued for an agent that has gone say so though all are issued', () => {
    const mine = { created: 4, maxTrials: 4, queued: 2 }
    expect(reason([], sweep('a', { outstanding: 2, own: mine }))).toBe('no agent is connected')
  })

  test('no agent, none for its queue, none that fits', () => {
    expect(reason([], sweep('a'))).toBe('no agent is connected')
    expect(reason([agent()], sweep('a', { queue: 'gpu' }))).toBe(
      'no agent serves the queue gpu; those connected serve default',
    )
    expect(reason([agent(), agent({ name: 'two', queues: ['gpu'] })], sweep('a', { launcher: 'docker' }))).toBe(
      'no living agent can launch docker; agent agent-1 has process only',
    )
    const agents = [agent({ name: 'one' }), agent({ name: 'two', gpuSlots: 1, memoryBytes: 8 * GIB })]
    expect(reason(agents, sweep('a', { shape: { gpus: 2, memoryBytes: 12 * GIB } }))).toBe(
      'no agent fits what a trial needs; the nearest, one, has 0 of the 2 GPUs',
    )
    expect(reason(agents, sweep('a', { shape: { gpus: 2, memoryBytes: 8 * GIB } }))).toBe(
      'no agent fits what a trial needs; the nearest, two, has 1 of the 2 GPUs',
    )
    expect(reason(agents, sweep('a', { shape: { memoryBytes: 64 * GIB } }))).toBe(
      'no agent fits what a trial needs; the nearest, one, has 16 GiB of the 64 GiB of memory',
    )
  })

  test('at its parallelism, slots taken, budget, paused', () => {
    const agents = [agent({ slots: 2 })]
    const queued = (count: number) => ({ outstanding: count, own: { queued: count } })
    expect(reason(agents, sweep('a', { parallelism: 1, ...queued(1) }))).toBe('at its parallelism of 1')
    expect(reason(agents, sweep('a', queued(2)))).toBe('all slots that fit are taken')
    expect(reason(agents, sweep('a', { outstanding: 1, own: { maxTrials: 3, created: 3 } }))).toBe(
      'all 3 trials of its budget are issued',
    )
    expect(reason(agents, sweep('a', { state: 'paused' }))).toBe('the sweep is paused')
  })

  test('a busy sweep waits for nothing, but says so when no more of its trials would fit', () => {
    const agents = [agent({ slots: 2 })]
    expect(reason(agents, sweep('a', { outstanding: 2 }))).toBeUndefined()
    expect(reason(agents, sweep('a', { outstanding: 3, own: { queued: 2 } }))).toBeUndefined()
    expect(reason(agents, sweep('a', { parallelism: 1, outstanding: 1 }))).toBeUndefined()
    expect(reason(agents, sweep('a', { outstanding: 2, own: { waiting: 'no agent is connected' } }))).toBeNull()
    expect(reason([], sweep('a', { outstanding: 2 }))).toBe('no agent is connected')
  })

  test('a reason that is stored already is not stored again, and one that no longer holds is cleared', () => {
    expect(reason([], sweep('a', { own: { waiting: 'no agent is connected' } }))).toBeUndefined()
    const resumed = sweep('a', { outstanding: 1, own: { exhausted: true, waiting: 'the sweep is paused' } })
    expect(reason([agent()], resumed)).toBeUndefined()
  })
})
