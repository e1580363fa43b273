import type { Fact, FactBody } from '@sweep/spec/facts'
import { describe, expect, test } from 'vitest'
import { createSweepFold, foldFact, type SweepFold } from './fold.ts'
import { rngFor } from './rng.ts'
import { documentOf } from './testing/documents.ts'
import { created, ended, report, resumed, started, stopAsked } from './testing/histories.ts'
import { simulateSweep } from './testing/simulated-sweep.ts'

const queued = (trial: number, attempt = 1): FactBody => ({ kind: 'attempt-queued', trial, attempt, reason: '' })
const over = (
  trial: number,
  state: 'completed' | 'pruned' | 'failed' | 'cancelled',
  value: number | null = null,
): FactBody => ({
  kind: 'trial-ended',
  trial,
  state,
  value,
  reason: '',
})
const numbered = (bodies: readonly FactBody[], from = 1): Fact[] =>
  bodies.map((body, index) => ({ ...body, seq: from + index, at: new Date(1000 + index) }))

function folded(bodies: readonly FactBody[], overrides: object = {}): SweepFold {
  const fold = createSweepFold(documentOf(overrides))
  for (const fact of numbered(bodies)) foldFact(fold, fact)
  return fold
}

test('a trial goes from queued over running to its end, and is counted in each state', () => {
  const facts = [
    created(1, { a: 1 }, 0),
    queued(1),
    started(1),
    report(1, 1, 4),
    report(1, 2, 3),
    ended(1),
    over(1, 'completed', 3),
  ]
  const states = facts.map((_, index) => folded(facts.slice(0, index + 1)).trials.get(1)!.state)
  expect(states).toEqual(['queued', 'queued', 'running', 'running', 'running', 'running', 'completed'])
  const fold = folded(facts)
  expect(fold.counts).toMatchObject({ queued: 0, running: 0, completed: 1 })
  expect(fold.trials.get(1)).toMatchObject({ reports: 2, finite: 2, value: 3, last: { step: 2, value: 3 } })
  expect(fold.best).toEqual({ trial: 1, value: 3 })
})

test('queued and running hold the trials with such an attempt, and no others', () => {
  const fold = folded([created(1, {}, 0), created(2, {}, 1), created(3, {}, 2), queued(1), queued(2), started(2)])
  expect([[...fold.queued.keys()], [...fold.running.keys()]]).toEqual([[1], [2]])
  const later = folded([created(1, {}, 0), queued(1), started(1), ended(1, 1, 'lost')])
  expect([later.queued.size, later.running.size]).toEqual([0, 0])
})

test('failures are counted by whose fault they were, until somebody asks for the trial again', () => {
  const facts: FactBody[] = [
    created(1, {}, 0),
    ...(['lost', 'oom', 'preempted'] as const).flatMap((cause, index) => [
      queued(1, index + 1),
      started(1, index + 1),
      ended(1, index + 1, cause),
    ]),
    over(1, 'failed'),
  ]
  expect(folded(facts).trials.get(1)).toMatchObject({ state: 'failed', failures: { user: 1, ours: 2 } })
  const again = folded([...facts, { kind: 'trial-requeued', trial: 1, by: 'ada' }, queued(1, 4)])
  expect(again.trials.get(1)).toMatchObject({ state: 'queued', failures: { user: 0, ours: 0 }, attempt: { number: 4 } })
  expect(again.counts).toMatchObject({ failed: 0, queued: 1 })
})

test('a paused trial is neither queued nor running, and goes on by a new attempt; its failures count on', () => {
  const facts = [created(1, {}, 0), queued(1), started(1), ended(1, 1, 'oom'), queued(1, 2), started(1, 2)]
  const paused = [...facts, report(1, 1, 5, 2), stopAsked(1, 2, 'paused'), ended(1, 2, 'paused')]
  expect(folded(paused)).toMatchObject({ counts: { paused: 1, running: 0 }, queued: new Map(), running: new Map() })
  const going = folded([...paused, resumed(1, 2), queued(1, 3)])
  expect(going).toMatchObject({ counts: { paused: 0, queued: 1 } })
  expect(going.trials.get(1)).toMatchObject({ state: 'queued', attempt: { number: 3 }, failures: { user: 1, ours: 0 } })
  expect([...going.queued.keys()]).toEqual([1])
  const pruned = folded([...paused, stopAsked(1, 2), over(1, 'pruned')])
  expect(pruned).toMatchObject({ counts: { paused: 0, pruned: 1 }, best: { trial: 1, value: 5 } })
})

test('that no more trials come holds until one does', () => {
  const last: FactBody = { kind: 'no-more-trials', reason: 'the budget is used up', basis: 1 }
  expect(folded([created(1, {}, 0)]).noMoreTrials).toBe(false)
  expect(folded([created(1, {}, 0), last]).noMoreTrials).toBe(true)
  expect(folded([created(1, {}, 0), last, created(2, {}, 1)]).noMoreTrials).toBe(false)
})

test('a stop is remembered on the attempt it was asked of', () => {
  const facts = [created(1, {}, 0), queued(1), started(1), stopAsked(1)]
  expect(folded(facts).trials.get(1)!.attempt!.stop).toBe('pruned')
  expect(folded([...facts, ended(1, 1, 'lost'), queued(1, 2)]).trials.get(1)!.attempt!.stop).toBeUndefined()
})

describe('the best trial', () => {
  const run = (trial: number, values: readonly number[]) => [
    created(trial, {}, trial - 1),
    queued(trial),
    started(trial),
    ...values.map((value, index) => report(trial, index + 1, value)),
  ]

  test('is never NaN or infinite, and ties go to the lower number', () => {
    const facts = [...run(1, [Number.NaN, Number.NEGATIVE_INFINITY]), ...run(3, [2]), ...run(2, [2, 5])]
    expect(folded(facts).best).toEqual({ trial: 2, value: 2 })
    expect(folded(run(1, [Number.NaN])).best).toBeUndefined()
    expect(folded(run(1, [Number.NaN])).trials.get(1)).toMatchObject({ reports: 1, finite: 0 })
  })

  test('goes by the goal, and by the last value when that stands for a trial', () => {
    const facts = [...run(1, [3, 9, 1]), ...run(2, [4])]
    expect(folded(facts, { metric: { name: 'a', goal: 'maximize' } }).best).toEqual({ trial: 1, value: 9 })
    expect(folded(facts, { metric: { name: 'a', goal: 'maximize', summary: 'last' } }).best).toEqual({
      trial: 2,
      value: 4,
    })
    const fallen = [...run(1, [1]), ...run(2, [2]), report(1, 2, 5)]
    expect(folded(fallen, { metric: { name: 'a', goal: 'minimize', summary: 'last' } }).best).toEqual({
      trial: 2,
      value: 2,
    })
  })

  test('reaches a target when it is equal to it', () => {
    const metric = { name: 'a', goal: 'minimize', target: 2 }
    expect(folded(run(1, [2.1]), { metric }).targetReached).toBe(false)
    expect(folded(run(1, [2]), { metric }).targetReached).toBe(true)
  })

  test('with several seeds a config, its mean reaches a target, once all its runs have ended', () => {
    const overrides = { metric: { name: 'a', goal: 'minimize', target: 2 }, replicates: { seeds: 3 } }
    const runs = (config: number, first: number, ...values: (number | 'failed' | 'pruned')[]) =>
      values.flatMap((value, n): FactBody[] => {
        const trial = first + n
        const begun = [created(trial, { a: config }, config), queued(trial), started(trial)]
        return typeof value === 'string'
          ? [...begun, ended(trial), over(trial, value)]
          : [...begun, report(trial, 1, value), ended(trial), over(trial, 'completed', value)]
      })
    const reached = (facts: FactBody[]) => folded(facts, overrides).targetReached
    // One lucky run, and a mean that the last run may still change.
    expect(reached(runs(1, 1, 0, 4, 4))).toBe(false)
    expect(reached(runs(1, 1, 1, 1))).toBe(false)
    expect(reached([...runs(1, 1, 1, 2), ...runs(2, 3, 9)])).toBe(false)
    expect(reached([...runs(1, 1, 1, 2), ...runs(2, 3, 9), ...runs(1, 4, 3)])).toBe(true)
    expect(reached(runs(1, 1, 1, 'failed', 3))).toBe(true)
    expect(reached(runs(1, 1, 1, 'pruned', 1))).toBe(false)
    expect(reached(runs(1, 1, 'failed', 'failed', 'failed'))).toBe(false)
  })

  test('keeps to the constraints, as long as it does', () => {
    const overrides = {
      metric: { name: 'loss', goal: 'minimize', target: 3 },
      constraints: [{ name: 'memory', max: 8 }],
    }
    const side = (trial: number, value: number): FactBody => ({
      kind: 'side-report',
      trial,
      attempt: 1,
      step: 1,
      name: 'memory',
      value,
    })
    const facts = [...run(1, [2]), side(1, 9), ...run(2, [5]), side(2, 8)]
    expect(folded(facts, overrides)).toMatchObject({ best: { trial: 2, value: 5 }, targetReached: false })
    const light = folded([...facts, side(1, 7)], overrides)
    expect(light).toMatchObject({ best: { trial: 1, value: 2 }, targetReached: true })
    const broken = folded([...facts, side(1, 7), side(1, Number.NaN)], overrides)
    expect(broken.best).toEqual({ trial: 2, value: 5 })
  })
})

test('control facts change the state and the named limits, null lifting one', () => {
  const change = (changes: NonNullable<Extract<FactBody, { kind: 'control' }>['changes']>): FactBody => ({
    kind: 'control',
    action: 'change',
    by: 'ada',
    changes,
  })
  const document = { parallelism: 2, budget: { trials: 10, wallMs: 500 } }
  expect(folded([change({ parallelism: 4 })], document).limits).toEqual({
    parallelism: 4,
    priority: 1,
    budget: { trials: 10, wallMs: 500 },
  })
  expect(
    folded([change({ parallelism: null, budget: { trials: null } }), change({ priority: 3 })], document).limits,
  ).toEqual({
    parallelism: undefined,
    priority: 3,
    budget: { wallMs: 500 },
  })
  const control = (action: 'pause' | 'resume' | 'stop'): FactBody => ({ kind: 'control', action, by: 'ada' })
  expect(folded([control('pause')]).state).toBe('paused')
  expect(folded([control('pause'), control('resume'), control('stop')]).state).toBe('stopping')
  expect(folded([control('stop'), { kind: 'sweep-ended', state: 'stopped', reason: '' }]).state).toBe('stopped')
})

test('facts folded before are ignored, and one missing in between is an error', () => {
  const fold = folded([created(1, {}, 0), queued(1)])
  foldFact(fold, numbered([created(1, {}, 0)])[0]!)
  expect(fold.trials.size).toBe(1)
  expect(() => foldFact(fold, numbered([started(1)], 4)[0]!)).toThrow(/fact 3 is missing/)
  expect(fold.foldedSeq).toBe(2)
})

test('GPU time adds up over all attempts', () => {
  const gpu = (attempt: number): FactBody => ({ ...ended(1, attempt, 'lost'), gpuSeconds: 1.5 }) as FactBody
  expect(
    folded([created(1, {}, 0), queued(1), started(1), gpu(1), queued(1, 2), started(1, 2), gpu(2)]).gpuSeconds,
  ).toBe(3)
})

test('a fold made anew from the facts goes on exactly as the one that was there all along', () => {
  const document = documentOf({ earlyTerminate: { type: 'asha' } })
  const { facts, fold } = simulateSweep(document, 30, 4, { steps: 20 }, rngFor(5, 0))
  const anew = createSweepFold(document)
  for (const fact of facts) foldFact(anew, fact)
  expect(anew.sampler.ask(5)).toEqual(fold.sampler.ask(5))
  expect({ ...anew, sampler: 0, pruner: 0 }).toEqual({ ...fold, sampler: 0, pruner: 0 })
  expect(fold.counts.completed + fold.counts.pruned).toBe(30)
  expect(fold.gpuSeconds).toBe(2 * facts.filter(({ kind }) => kind === 'attempt-ended').length)
})
