import { describe, expect, test } from 'vitest'
import { plan } from './plan.ts'
import { agent, created, own, resumed, sweep, waiting } from './testing.ts'
import type { OwnView, SweepView } from './view.ts'

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
