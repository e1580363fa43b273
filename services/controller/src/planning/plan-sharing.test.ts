import { describe, expect, test } from 'vitest'
import { plan } from './plan.ts'
import { agent, created, foreign, sweep } from './testing.ts'
import type { OwnView, SweepView } from './view.ts'

const GIB = 1024 ** 3

describe('how far a sweep is ahead whose sampler does not learn', () => {
  const fast = { learns: false, attemptSeconds: 0.01, endsPerSecond: 60 }
  const agents = [agent({ slots: 2 })]
  /** @param outstanding two of them run */
  const issued = (outstanding: number, mine: Partial<OwnView>, rest: readonly SweepView[] = []) => {
    const one = sweep('a', { outstanding, own: { ...mine, queued: Math.max(0, outstanding - 2) } })
    return created(plan({ agents, sweeps: [one, ...rest] }))['a'] ?? 0
  }

  test('by half a second of its ends, in one batch once half of that is left', () => {
    expect(issued(2, fast)).toBe(30)
    expect(issued(17, fast)).toBe(15)
    expect(issued(18, fast)).toBe(0)
    expect(issued(32, fast)).toBe(0)
  })

  test('by no more than 64, and never beyond its budget or parallelism', () => {
    expect(issued(2, { ...fast, endsPerSecond: 5000 })).toBe(64)
    expect(issued(2, { ...fast, maxTrials: 20, created: 15 })).toBe(5)
    const one = sweep('a', { outstanding: 2, parallelism: 6, own: fast })
    expect(created(plan({ agents, sweeps: [one] }))).toEqual({ a: 4 })
  })

  test('no further than others when its sampler learns, when its trials are long, or before any has ended', () => {
    expect(issued(2, { ...fast, learns: true })).toBe(2)
    expect(issued(2, { learns: false, attemptSeconds: 3600, endsPerSecond: 0.001 })).toBe(0)
    expect(issued(2, { learns: false, endsPerSecond: 60 })).toBe(0)
  })

  test('no further than others while another sweep may want the same slots', () => {
    expect(issued(2, fast, [sweep('b', { own: { exhausted: true } })])).toBe(2)
    expect(issued(2, fast, [foreign('b')])).toBe(2)
    expect(issued(2, fast, [foreign('b', { state: 'paused' })])).toBe(30)
    expect(issued(2, fast, [foreign('b', { queue: 'elsewhere' })])).toBe(30)
  })

  test('a sweep that comes later gets the places that the first one is ahead by', () => {
    const first = sweep('a', { outstanding: 32, own: { ...fast, queued: 30 } })
    expect(created(plan({ agents, sweeps: [first, sweep('b')] }))).toEqual({})
    const nearlyDrained = sweep('a', { outstanding: 3, own: { ...fast, queued: 1 } })
    expect(created(plan({ agents, sweeps: [nearlyDrained, sweep('b')] }))).toEqual({ b: 1 })
  })
})

describe('the fair share', () => {
  test('priorities 3 and 1 get 3 and 1 of 4 slots', () => {
    const sweeps = [sweep('a', { priority: 3 }), sweep('b', { priority: 1 })]
    expect(created(plan({ agents: [agent({ slots: 4 })], sweeps }))).toEqual({ a: 3, b: 1 })
  })

  test('what a parallelism leaves goes to the other', () => {
    const sweeps = [sweep('a', { priority: 3, parallelism: 1 }), sweep('b')]
    expect(created(plan({ agents: [agent({ slots: 4 })], sweeps }))).toEqual({ a: 1, b: 3 })
  })

  test('on one slot two sweeps take turns, and priority 2 gets two turns of three', () => {
    const turns = (priorities: Record<string, number>, rounds: number): string => {
      const passes = new Map(Object.keys(priorities).map((id) => [id, 0]))
      let order = ''
      for (let round = 0; round < rounds; round += 1) {
        const sweeps = [...passes].map(([id, sharePass]) => sweep(id, { sharePass, priority: priorities[id] ?? 1 }))
        const [[id, count] = ['', 0]] = Object.entries(created(plan({ agents: [agent({ slots: 1 })], sweeps })))
        expect(count).toBe(1)
        passes.set(id, (passes.get(id) ?? 0) + 1 / (priorities[id] ?? 1))
        order += id
      }
      return order
    }
    expect(turns({ a: 1, b: 1 }, 6)).toBe('ababab')
    expect(turns({ a: 2, b: 1 }, 9).replaceAll('b', '')).toHaveLength(6)
  })

  test('a sweep that comes later fills up its share before the first one gets more', () => {
    const sweeps = [sweep('a', { outstanding: 3 }), sweep('b', { outstanding: 0 })]
    expect(created(plan({ agents: [agent({ slots: 4 })], sweeps }))).toEqual({ b: 1 })
  })

  test('a sweep whose last trials are not folded yet keeps its place: its room does not go to others meanwhile', () => {
    const short = { attemptSeconds: 0.05 }
    const light = sweep('light', { outstanding: 3, own: short })
    const heavy = (settled: boolean) => sweep('heavy', { priority: 3, outstanding: 4, own: { ...short, settled } })
    const admitted = (settled: boolean) =>
      created(plan({ agents: [agent({ slots: 6 })], sweeps: [heavy(settled), light] }))
    expect(admitted(true)['light'] ?? 0).toBe(0)
    expect(admitted(false)).toEqual({})
  })

  test('long trials are not queued ahead into the share of short ones', () => {
    const long = sweep('long', { outstanding: 1, own: { attemptSeconds: 3600 } })
    const short = sweep('short', { outstanding: 1, own: { attemptSeconds: 0.05 } })
    expect(created(plan({ agents: [agent({ slots: 2 })], sweeps: [long, short] }))).toEqual({ short: 2 })
  })

  test('sweeps of another controller keep their slots, and room is left for one that claims it', () => {
    const agents = [agent({ slots: 4 })]
    expect(created(plan({ agents, sweeps: [sweep('a'), foreign('b', { outstanding: 3 })] }))).toEqual({ a: 1 })
    expect(created(plan({ agents, sweeps: [sweep('a'), foreign('b', { claimsRoom: true })] }))).toEqual({ a: 2 })
  })
})

describe('shapes', () => {
  const gpuHost = agent({ name: 'gpu-1', slots: 4, gpuSlots: 4, cpus: 16, memoryBytes: 64 * GIB })
  const small = agent({ name: 'small-1', slots: 2, cpus: 2, memoryBytes: 4 * GIB })

  test('a trial that needs two GPUs counts for two slots of those that share the host', () => {
    const sweeps = [sweep('big', { shape: { gpus: 2 }, outstanding: 1 }), sweep('any', { outstanding: 1 })]
    expect(created(plan({ agents: [gpuHost], sweeps }))).toEqual({ any: 1 })
    expect(created(plan({ agents: [gpuHost, small], sweeps: [sweep('big', { shape: { gpus: 2 } })] }))).toEqual({
      big: 2,
    })
  })

  test.each([
    [{ cpus: 4 }, 4],
    [{ cpus: 6 }, 2],
    [{ memoryBytes: 20 * GIB }, 3],
    [{ gpus: 0 }, 6],
    [{ gpus: 3, cpus: 1 }, 1],
    [{ cpus: 0.5, memoryBytes: GIB }, 6],
  ])('%o fits %i times', (shape, expected) => {
    expect(created(plan({ agents: [gpuHost, small], sweeps: [sweep('a', { shape })] }))).toEqual({ a: expected })
  })

  test('sweeps on different queues share an agent that serves both', () => {
    const both = agent({ slots: 2, queues: ['x', 'y'] })
    const sweeps = [sweep('a', { queue: 'x', outstanding: 1 }), sweep('b', { queue: 'y', outstanding: 0 })]
    expect(created(plan({ agents: [both], sweeps }))).toEqual({ b: 1 })
  })
})
