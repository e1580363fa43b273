import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plan } from './plan.ts'
import { agent, foreign, own, sweep } from './testing.ts'
import type { Action, AgentView, OwnView, SweepView, View } from './view.ts'

const GIB = 1024 ** 3

function created(actions: readonly Action[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const action of actions) {
    if (action.kind === 'create-trials') counts[action.sweepId] = (counts[action.sweepId] ?? 0) + action.count
  }
  return counts
}

function resumed(actions: readonly Action[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const action of actions) if (action.kind === 'resume-trials') counts[action.sweepId] = action.count
  return counts
}

function waiting(actions: readonly Action[], id: string): string | null | undefined {
  for (const action of actions) if (action.kind === 'set-waiting' && action.sweepId === id) return action.reason
  return undefined
}

describe('how many trials are issued', () => {
  test('no more than the sampler has places for, and what it leaves goes to others', () => {
    const sweeps = [sweep('a', { own: { places: 1 } }), sweep('b')]
    expect(created(plan({ agents: [agent({ slots: 8 })], sweeps }))).toEqual({ a: 1, b: 7 })
  })

  test('as many as there are slots, and none ahead while nothing is known of how long they run', () => {
    expect(created(plan({ agents: [agent({ slots: 4 })], sweeps: [sweep('a')] }))).toEqual({ a: 4 })
  })

  test.each([
    { slots: 4, attemptSeconds: 0.01, expected: 8 },
    { slots: 4, attemptSeconds: 2, expected: 7 },
    { slots: 4, attemptSeconds: 10, expected: 4 },
    { slots: 1, attemptSeconds: 0.01, expected: 3 },
    { slots: 1, attemptSeconds: 1, expected: 2 },
    { slots: 1, attemptSeconds: 3600, expected: 1 },
  ])('$slots slots with attempts of $attemptSeconds s hold $expected trials', ({ slots, attemptSeconds, expected }) => {
    const outstanding = slots
    const view = { agents: [agent({ slots })], sweeps: [sweep('a', { outstanding, own: { attemptSeconds } })] }
    expect(outstanding + (created(plan(view))['a'] ?? 0)).toBe(expected)
  })

  test('none while the last ones are not folded, so that no suggestion is asked for twice', () => {
    expect(plan({ agents: [agent()], sweeps: [sweep('a', { own: { settled: false } })] })).toEqual([])
  })

  test.each([
    [{ maxTrials: 10, created: 10, queued: 1 }, 0],
    [{ maxTrials: 10, created: 9 }, 1],
    [{ maxTrials: 10, created: 7 }, 3],
    [{ maxTrials: 10, created: 2 }, 4],
    [{ maxTrials: 10, created: 12 }, 0],
  ])('with %o of a budget left, %i', (mine, expected) => {
    const outstanding = 1
    const view = { agents: [agent({ slots: 5 })], sweeps: [sweep('a', { outstanding, own: mine })] }
    expect(created(plan(view))['a'] ?? 0).toBe(expected)
  })

  test('parallelism counts what is queued too, and a lower one than what runs admits none', () => {
    const at = (parallelism: number, outstanding: number) =>
      created(plan({ agents: [agent({ slots: 8 })], sweeps: [sweep('a', { parallelism, outstanding })] }))['a'] ?? 0
    expect([at(3, 0), at(3, 2), at(3, 3), at(1, 3)]).toEqual([3, 1, 0, 0])
  })
})

describe('paused trials', () => {
  const planned = (one: Parameters<typeof sweep>[1], slots = 4) => {
    const actions = plan({ agents: [agent({ slots })], sweeps: [sweep('a', one)] })
    return { resumed: resumed(actions)['a'] ?? 0, created: created(actions)['a'] ?? 0 }
  }

  test('that may go on come before new ones, and count as one start each', () => {
    expect(planned({ own: { paused: 3, resumable: 2 } })).toEqual({ resumed: 2, created: 2 })
    expect(planned({ own: { paused: 9, resumable: 6 } })).toEqual({ resumed: 4, created: 0 })
    expect(planned({ outstanding: 3, own: { paused: 3, resumable: 2 } })).toEqual({ resumed: 1, created: 0 })
    expect(planned({ parallelism: 1, own: { paused: 3, resumable: 2 } })).toEqual({ resumed: 1, created: 0 })
    expect(planned({ own: { paused: 3 } })).toEqual({ resumed: 0, created: 4 })
  })

  test('go on when the budget of trials is used up, and leave the rest of it to new ones', () => {
    expect(planned({ own: { maxTrials: 9, created: 9, paused: 3, resumable: 2 } })).toEqual({ resumed: 2, created: 0 })
    expect(planned({ own: { maxTrials: 9, created: 8, paused: 3, resumable: 2 } })).toEqual({ resumed: 2, created: 1 })
    expect(planned({ own: { exhausted: true, paused: 3, resumable: 1 } })).toEqual({ resumed: 1, created: 0 })
  })

  test.each([
    { state: 'paused' as const },
    { state: 'stopping' as const },
    { own: { spent: 'its budget of 60 s of time is used up' } },
    { own: { targetReached: 'a trial reached the target of 0.1' } },
    { own: { settled: false } },
  ])('do not go on: %o', ({ own: mine, ...rest }: Parameters<typeof sweep>[1] & object) => {
    expect(planned({ ...rest, own: { ...mine, paused: 3, resumable: 2 } })).toEqual({ resumed: 0, created: 0 })
  })

  test('share the pool with other sweeps as new trials do', () => {
    const many = sweep('a', { own: { maxTrials: 9, created: 9, paused: 9, resumable: 9 } })
    const actions = plan({ agents: [agent({ slots: 4 })], sweeps: [many, sweep('b')] })
    expect([resumed(actions), created(actions)]).toEqual([{ a: 2 }, { b: 2 }])
  })

  test('that may go on say what they wait for when there is no room', () => {
    const over = sweep('a', { own: { maxTrials: 9, created: 9, paused: 1, resumable: 1 } })
    expect(waiting(plan({ agents: [], sweeps: [over] }), 'a')).toBe('no agent is connected')
  })
})

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

describe('how a sweep ends', () => {
  const actions = (one: SweepView) => plan({ agents: [agent()], sweeps: [one] })
  const end = (reason: string) => [{ kind: 'end-sweep', sweepId: 'a', reason }]

  test.each([
    [own({ exhausted: true }), 'every config of its search space was tried'],
    [own({ exhausted: true, places: 0 }), 'every member of its population has ended'],
    [own({ maxTrials: 3, created: 3 }), 'its budget of 3 trials is used up'],
    [own({ spent: 'its budget of 60 s of time is used up' }), 'its budget of 60 s of time is used up'],
    [own({ targetReached: 'a trial reached the target of 0.1' }), 'a trial reached the target of 0.1'],
  ])('when nothing is outstanding and no more may come: %#', (mine, reason) => {
    expect(actions(sweep('a', { own: mine }))).toEqual(end(reason))
    expect(actions(sweep('a', { own: { ...mine, paused: 1, noMoreTrials: true } }))).toEqual(end(reason))
    expect(actions(sweep('a', { own: { ...mine, settled: false } }))).toEqual([])
    expect(created(actions(sweep('a', { outstanding: 1, own: mine })))).toEqual({})
  })

  test('before that, with trials paused, it is noted that no more will come, as soon as all of them have started', () => {
    const reason = 'its budget of 3 trials is used up'
    const note = { kind: 'note-no-more-trials', sweepId: 'a', reason }
    const noted = (mine: Partial<OwnView>, outstanding = 0) =>
      actions(sweep('a', { outstanding, own: { maxTrials: 3, created: 3, paused: 1, ...mine } })).filter(
        ({ kind }) => kind !== 'set-waiting',
      )
    expect(noted({})).toEqual([note])
    expect(noted({}, 1)).toEqual([note])
    expect(noted({ queued: 1 }, 1)).toEqual([])
    expect(noted({ settled: false })).toEqual([])
    expect(noted({ noMoreTrials: true }, 1)).toEqual([])
    expect(noted({ resumable: 1 })).toEqual([{ kind: 'resume-trials', sweepId: 'a', count: 1 }])
    expect(noted({ resumable: 1, noMoreTrials: true })).toEqual([{ kind: 'resume-trials', sweepId: 'a', count: 1 }])
    expect(noted({ created: 2 })).toEqual([{ kind: 'create-trials', sweepId: 'a', count: 1 }])
  })

  test.each([
    { spent: 'its budget of 60 s of time is used up' },
    { targetReached: 'a trial reached the target of 0.1' },
  ])('what is paused holds up no sweep that ends early: %o', (mine) => {
    expect(actions(sweep('a', { own: { ...mine, paused: 2, resumable: 1 } }))).toEqual(end(Object.values(mine)[0]!))
  })

  test('a budget of time that ran out stops what runs and withdraws what waits', () => {
    const spent = 'its budget of 60 s of time is used up'
    const one = sweep('a', { outstanding: 3, own: { spent, queued: 1, stoppable: [4, 5] } })
    expect(actions(one)).toMatchObject([
      { kind: 'ask-stop', trials: [4, 5], stop: 'budget', reason: spent },
      { kind: 'cancel-queued', reason: spent },
    ])
  })

  test('a reached target withdraws what waits and lets the running ones finish', () => {
    const targetReached = 'a trial reached the target of 0.1'
    const one = sweep('a', { outstanding: 3, own: { targetReached, queued: 1, stoppable: [4, 5] } })
    expect(actions(one).map((action) => action.kind)).toEqual(['cancel-queued'])
  })

  test('with more failed trials than may, it is stopped, issues nothing more, and ends for that reason', () => {
    const tooManyFailed = '3 trials have failed, and no more than 2 may (max_failed_trials)'
    const mine = { tooManyFailed, queued: 1, resumable: 1, paused: 1, stoppable: [4] }
    expect(actions(sweep('a', { outstanding: 2, own: mine }))).toEqual([
      { kind: 'stop-sweep', sweepId: 'a', reason: tooManyFailed },
    ])
    expect(actions(sweep('a', { state: 'paused', own: mine })).map(({ kind }) => kind)).toEqual(['set-waiting'])
    expect(actions(sweep('a', { state: 'stopping', outstanding: 1, own: mine })).map(({ kind }) => kind)).toEqual([
      'cancel-queued',
    ])
    expect(actions(sweep('a', { state: 'stopping', own: mine }))).toEqual(end(tooManyFailed))
  })

  test('stopping lets running trials finish, cancelling stops them', () => {
    // Trial 5 is being pruned, which a cancel makes quicker.
    const mine = { queued: 1, stoppable: [4], cancellable: [4, 5] }
    expect(actions(sweep('a', { state: 'stopping', outstanding: 2, own: mine })).map((one) => one.kind)).toEqual([
      'cancel-queued',
    ])
    expect(actions(sweep('a', { state: 'cancelling', outstanding: 2, own: mine }))).toMatchObject([
      { kind: 'cancel-queued' },
      { kind: 'ask-stop', trials: [4, 5], stop: 'cancelled' },
    ])
    expect(actions(sweep('a', { state: 'stopping' }))).toEqual(end('stopped on request'))
    expect(actions(sweep('a', { state: 'cancelling' }))).toEqual(end('cancelled on request'))
  })

  test.each(['completed', 'stopped', 'cancelled'] as const)('nothing is done about a sweep that is %s', (state) => {
    expect(actions(sweep('a', { state }))).toEqual([])
  })
})

describe('whatever the pool and the sweeps look like', () => {
  const shapes = fc.record(
    {
      gpus: fc.integer({ min: 0, max: 3 }),
      cpus: fc.constantFrom(0.5, 1, 4),
      memoryBytes: fc.constantFrom(GIB, 8 * GIB),
    },
    { requiredKeys: [] },
  )
  const agents = fc.array(
    fc.record({
      slots: fc.integer({ min: 1, max: 8 }),
      gpuSlots: fc.integer({ min: 0, max: 4 }),
      cpus: fc.integer({ min: 1, max: 16 }),
      queues: fc.subarray(['default', 'gpu'], { minLength: 1 }),
    }),
    { maxLength: 4 },
  )
  const sweeps = fc.array(
    fc.record({
      queue: fc.constantFrom('default', 'gpu'),
      shape: shapes,
      priority: fc.constantFrom(0.5, 1, 3),
      parallelism: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
      outstanding: fc.integer({ min: 0, max: 10 }),
      sharePass: fc.integer({ min: 0, max: 5 }),
      isForeign: fc.boolean(),
      claimsRoom: fc.boolean(),
      created: fc.integer({ min: 0, max: 12 }),
      maxTrials: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined }),
      attemptSeconds: fc.option(fc.constantFrom(0.001, 1, 5, 3600), { nil: undefined }),
      learns: fc.boolean(),
      endsPerSecond: fc.constantFrom(0, 1, 30, 1000),
      resumable: fc.integer({ min: 0, max: 5 }),
    }),
    { maxLength: 5 },
  )
  const views = fc.record({ agents, sweeps }).map(({ agents, sweeps }): View => {
    return {
      agents: agents.map((one, index) => agent({ ...one, name: `agent-${index}` })),
      sweeps: sweeps.map(
        ({ isForeign, claimsRoom, queue, shape, priority, parallelism, outstanding, sharePass, ...mine }, index) => {
          const id = `s${index}`
          const rest = { claimsRoom, queue, shape, priority, parallelism, outstanding, sharePass }
          const own = { ...mine, paused: mine.resumable }
          return isForeign ? foreign(id, rest) : sweep(id, { ...rest, own })
        },
      ),
    }
  })

  test('budgets, parallelism and the room of the pool are never exceeded', () => {
    fc.assert(
      fc.property(views, (view) => {
        const actions = plan(view)
        const slots = view.agents.reduce((sum, one) => sum + one.slots.length, 0)
        for (const one of view.sweeps) {
          const [fresh, again] = [created(actions)[one.id] ?? 0, resumed(actions)[one.id] ?? 0]
          const count = fresh + again
          if (!one.own) expect(count).toBe(0)
          if (count === 0) continue
          if (fresh > 0) expect(again).toBe(one.own?.resumable)
          expect(again).toBeLessThanOrEqual(one.own?.resumable ?? 0)
          const left = one.own?.maxTrials === undefined ? Number.POSITIVE_INFINITY : one.own.maxTrials - one.own.created
          expect(fresh).toBeLessThanOrEqual(Math.max(0, left))
          expect(count + one.outstanding).toBeLessThanOrEqual(one.parallelism ?? Number.POSITIVE_INFINITY)
          const ahead = one.own?.learns === false ? 64 : 2
          expect(count + one.outstanding).toBeLessThanOrEqual(slots + Math.max(ahead, slots))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('carrying out the plan leads to a state in which no more is issued', () => {
    fc.assert(
      fc.property(views, (view) => {
        let now = view
        for (let round = 0; round < 40; round += 1) {
          const counts = created(plan(now))
          if (Object.keys(counts).length === 0) return
          now = {
            ...now,
            sweeps: now.sweeps.map((one) => {
              const count = counts[one.id] ?? 0
              if (!one.own) return one
              return {
                ...one,
                outstanding: one.outstanding + count,
                own: { ...one.own, created: one.own.created + count },
              }
            }),
          }
        }
        expect.unreachable('trials are issued without an end')
      }),
      { numRuns: 300 },
    )
  })

  test('the order in which sweeps and agents are listed does not matter', () => {
    fc.assert(
      fc.property(views, (view) => {
        const other = { agents: [...view.agents].reverse(), sweeps: [...view.sweeps].reverse() }
        expect(created(plan(other))).toEqual(created(plan(view)))
      }),
      { numRuns: 300 },
    )
  })

  test('while something wants it and fits, no slot stays free', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(fc.constantFrom(0.5, 1, 2, 5), { minLength: 1, maxLength: 5 }),
        (slots, priorities) => {
          const sweeps = priorities.map((priority, index) => sweep(`s${index}`, { priority }))
          const counts = created(plan({ agents: [agent({ slots })], sweeps }))
          expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(slots)
          const total = priorities.reduce((sum, priority) => sum + priority, 0)
          for (const [index, priority] of priorities.entries()) {
            expect(Math.abs((counts[`s${index}`] ?? 0) - (slots * priority) / total)).toBeLessThan(priorities.length)
          }
        },
      ),
    )
  })
})
