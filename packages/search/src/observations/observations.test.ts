import type { FactBody } from '@sweep/spec/facts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { created, report } from '../testing/histories.ts'
import { levelsOf } from './levels.ts'
import {
  FULL,
  INFEASIBLE,
  nothingObserved,
  type Observations,
  observe,
  pendingPoints,
  standingOf,
} from './observations.ts'
import { RankedTrials } from './ranked-trials.ts'

const SETTINGS = { goal: 'minimize', levels: { unit: 'step', bounds: [1, 3, 9] } } as const

function ended(trial: number, state: 'completed' | 'pruned' | 'failed' | 'cancelled', value: number | null): FactBody {
  return { kind: 'trial-ended', trial, state, value, reason: 'test' }
}

/** What is known after these facts; configs are empty. */
function observed(facts: readonly FactBody[], settings: Parameters<typeof observe>[2] = SETTINGS): Observations {
  return facts.reduce<Observations>((state, fact) => observe(state, [], settings, fact), nothingObserved(settings))
}

function order(observations: Observations): (readonly [trial: number, place: string])[] {
  const ranked = new RankedTrials(observations)
  return Array.from({ length: ranked.length }, (_, rank) => {
    const { trial, place } = ranked.at(rank)!
    return [trial, place] as const
  })
}

/** A trial that reports `losses` at steps 1, 3, 9 and then ends as told, or not at all. */
function climbing(trial: number, losses: readonly number[], end?: 'completed' | 'pruned' | 'failed'): FactBody[] {
  const reports = losses.map((loss, index) => report(trial, 3 ** index, loss))
  return [created(trial, {}), ...reports, ...(end === undefined ? [] : [ended(trial, end, losses.at(-1) ?? null)])]
}

test('without early termination completed trials rank by loss, then pruned ones, then what failed or gave no number', () => {
  const settings = { goal: 'maximize' } as const
  const facts = [1, 2, 3, 4, 5, 6].map((trial) => created(trial, {}))
  const ends = [
    ended(1, 'failed', null),
    ended(2, 'completed', 0.2),
    ended(3, 'completed', 0.7),
    ended(4, 'pruned', 0.9),
    ended(5, 'completed', Number.NaN),
  ]
  expect(order(observed([...facts, ...ends], settings))).toEqual([
    [3, 'compared'],
    [2, 'compared'],
    [4, 'behind'],
    [1, 'failed'],
    [5, 'failed'],
  ])
})

test('a few completed trials are not lost among many that somebody pruned', () => {
  const facts = [created(1, {}), ended(1, 'completed', 3)]
  for (let trial = 2; trial <= 30; trial += 1) facts.push(created(trial, {}), ended(trial, 'pruned', 1))
  const all = order(observed(facts, { goal: 'minimize' }))
  expect(all).toHaveLength(30)
  expect(all[0]).toEqual([1, 'compared'])
})

test('the highest level with twelve trials decides; those that came less far are behind, the furthest first', () => {
  const facts = [
    ...climbing(1, [5, 5, 5], 'completed'),
    ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].flatMap((trial) => climbing(trial, [9, 13.5 - trial])),
    ...climbing(13, [0.1], 'pruned'),
    ...climbing(14, [0.2]),
    ...climbing(15, [], 'failed'),
  ]
  const trials = order(observed(facts)).map(([trial]) => trial)
  expect(trials).toEqual([12, 11, 10, 9, 1, 8, 7, 6, 5, 4, 3, 2, 13, 14, 15])
  const places = order(observed(facts)).map(([, place]) => place)
  expect(places).toEqual([...Array(12).fill('compared'), 'behind', 'behind', 'failed'])
  expect(new RankedTrials(observed(facts)).compared).toBe(12)
})

test('with fewer anywhere the level with most trials decides', () => {
  const facts = [...climbing(1, [4, 4, 4], 'completed'), ...climbing(2, [3, 1]), ...climbing(3, [2, 2])]
  expect(order(observed(facts)).map(([trial]) => trial)).toEqual([2, 3, 1])
  expect(new RankedTrials(observed([])).length).toBe(0)
})

test('what a trial showed first at a level stays, and a report may jump over levels', () => {
  const observations = observed([created(1, {}), report(1, 4, 0.5), report(1, 5, 0.1), report(1, 9, 0.3)])
  expect(standingOf(observations, 1)).toEqual({ level: 2, loss: 0.3 })
  expect(standingOf(observed([created(1, {}), report(1, 4, 0.5), report(1, 5, 0.1)]), 1)).toEqual({
    level: 1,
    loss: 0.5,
  })
})

test('reports are counted where the pruner counts them', () => {
  const settings = { goal: 'minimize', levels: { unit: 'reports', bounds: [2] } } as const
  const facts: FactBody[] = [10, 20].map((step, index) => {
    return { kind: 'report', trial: 1, attempt: 1, step, ordinal: index + 1, value: index }
  })
  expect(standingOf(observed([created(1, {}), facts[0]!], settings), 1)).toBeUndefined()
  expect(standingOf(observed([created(1, {}), ...facts], settings), 1)).toEqual({ level: 0, loss: 1 })
})

test('a trial is pending until it has shown something, and again when it is asked for once more', () => {
  const pending = (facts: readonly FactBody[]) => pendingPoints(observed(facts)).length
  const facts = climbing(1, [1, 2])
  expect(pending([created(1, {})])).toBe(1)
  expect(pending(facts)).toBe(0)
  expect(pending([...facts, { kind: 'trial-requeued', trial: 1, by: 'somebody' }])).toBe(1)
  expect(order(observed([...facts, { kind: 'trial-requeued', trial: 1, by: 'somebody' }]))).toEqual([])
})

test('a full training counts as the highest level, and what was cancelled or has failed counts nowhere', () => {
  expect(standingOf(observed(climbing(1, [3, 2, 1], 'completed')), 1)).toEqual({ level: FULL, loss: 1 })
  const cancelled = observed([...climbing(1, [3, 2]), ended(1, 'cancelled', 2)])
  expect([standingOf(cancelled, 1), order(cancelled), pendingPoints(cancelled)]).toEqual([undefined, [], []])
  const failed = observed(climbing(1, [3, 2], 'failed'))
  expect(standingOf(failed, 1)).toBe('failed')
  expect(order(failed)).toEqual([[1, 'failed']])
})

test('values that are no numbers are worse than all others at their level', () => {
  const facts = [Number.NaN, 7, Number.NEGATIVE_INFINITY, 3].flatMap((loss, index) => climbing(index + 1, [loss]))
  expect(order(observed(facts)).map(([trial]) => trial)).toEqual([4, 2, 1, 3])
})

test('facts of different trials may come in any order', () => {
  const trials = [
    climbing(1, [5, 4, 3], 'completed'),
    climbing(2, [1, 6], 'pruned'),
    climbing(3, [2]),
    climbing(4, [], 'failed'),
    [...climbing(5, [3]), ended(5, 'cancelled', 3)],
  ]
  const expected = order(observed(trials.flat()))
  fc.assert(
    fc.property(fc.array(fc.nat(4), { maxLength: 40 }), (turns) => {
      const left = trials.map((facts) => [...facts])
      const mixed = turns.flatMap((turn) => left[turn]!.shift() ?? [])
      expect(order(observed([...mixed, ...left.flat()]))).toEqual(expected)
    }),
  )
})

test('the levels are the rungs of the pruner, or powers of two', () => {
  const asha = {
    type: 'asha',
    mode: 'stop',
    minResource: 2,
    maxResource: 54,
    reductionFactor: 3,
    brackets: 2,
    grace: 0,
  } as const
  expect(levelsOf({ ...asha, resource: 'step' })).toEqual({ unit: 'step', bounds: [2, 6, 18] })
  expect(levelsOf({ type: 'hyperband', minIter: 3, eta: 3, strict: true })?.bounds.slice(0, 3)).toEqual([3, 9, 27])
  const median = levelsOf({ type: 'median', grace: 1, minTrials: 5, resource: 'reports' })
  expect([median?.unit, median?.bounds.slice(0, 4), median?.bounds.length]).toEqual(['reports', [1, 2, 4, 8], 53])
  expect(levelsOf(undefined)).toBeUndefined()
})

const SEVERAL = {
  ...SETTINGS,
  objectives: [
    { name: 'loss', goal: 'minimize', summary: 'last' },
    { name: 'size', goal: 'maximize', summary: 'last' },
  ],
} as const

/** A trial that completes with these values. */
function completed(trial: number, values: Record<string, number>): FactBody[] {
  const end: FactBody = {
    kind: 'trial-ended',
    trial,
    state: 'completed',
    value: values['loss'] ?? null,
    values,
    reason: 'test',
  }
  return [created(trial, {}), end]
}

test('several objectives order trials by front, then by room, and what lacks one counts as failed', () => {
  const facts = [
    ...completed(1, { loss: 3, size: 1 }),
    ...completed(2, { loss: 2, size: 2 }),
    ...completed(3, { loss: 2.5, size: 5 }),
    ...completed(4, { loss: 5, size: 9 }),
    ...completed(5, { loss: 1, size: Number.NaN }),
    ...completed(6, { loss: 1 }),
    ...completed(7, { loss: 2.6, size: 5.1 }),
  ]
  const ranked = new RankedTrials(observed(facts, SEVERAL))
  expect(Array.from({ length: ranked.length }, (_, rank) => ranked.at(rank))).toMatchObject([
    { trial: 2, place: 'compared', loss: 2, losses: [2, -2], front: 0 },
    { trial: 4, place: 'compared', front: 0 },
    { trial: 7, place: 'compared', front: 0 },
    { trial: 3, place: 'compared', front: 0 },
    { trial: 1, place: 'compared', front: 1 },
    { trial: 5, place: 'failed' },
    { trial: 6, place: 'failed' },
  ])
  expect(ranked.compared).toBe(5)
})

test('at a level the other objectives count as they were last reported, and the worst where they were not', () => {
  const facts: FactBody[] = [
    created(1, {}),
    { kind: 'side-report', trial: 1, attempt: 1, step: 0, name: 'size', value: 4 },
    { kind: 'side-report', trial: 1, attempt: 1, step: 0, name: 'memory', value: 7 },
    report(1, 1, 0.5),
    created(2, {}),
    report(2, 1, 0.1),
  ]
  const observations = observed(facts, SEVERAL)
  expect(standingOf(observations, 1)).toEqual({ level: 0, loss: 0.5, losses: [0.5, -4] })
  expect(standingOf(observations, 2)).toEqual({ level: 0, loss: 0.1, losses: [0.1, Number.POSITIVE_INFINITY] })
  expect(order(observations).map(([trial]) => trial)).toEqual([1, 2])
  const again: FactBody[] = [{ kind: 'trial-requeued', trial: 1, by: 'somebody' }, report(1, 1, 0.5)]
  expect(standingOf(observed([...facts, ...again], SEVERAL), 1)).toMatchObject({
    losses: [0.5, Number.POSITIVE_INFINITY],
  })
})

test('trials that end and break a constraint come after those that came less far, by how much they break it', () => {
  const settings = { ...SETTINGS, constraints: [{ name: 'memory', max: 10 }] } as const
  const stopped: FactBody[] = [...climbing(5, [0.1]), ended(5, 'pruned', 0.1)]
  const facts = [
    ...completed(1, { loss: 9, memory: 10 }),
    ...completed(2, { loss: 1, memory: 15 }),
    ...completed(3, { loss: 2, memory: 11 }),
    ...completed(4, { loss: 0 }),
    ...stopped,
    ...climbing(6, [], 'failed'),
    ...[7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17].flatMap((trial) => completed(trial, { loss: 10, memory: 1 })),
  ]
  const observations = observed(facts, settings)
  const places = order(observations)
  expect(places[0]).toEqual([1, 'compared'])
  expect(places.slice(12)).toEqual([
    [5, 'behind'],
    [3, 'infeasible'],
    [2, 'infeasible'],
    [4, 'infeasible'],
    [6, 'failed'],
  ])
  expect(standingOf(observations, 2)).toEqual({ level: INFEASIBLE, loss: 0.5, losses: undefined })
  expect(new RankedTrials(observations)).toMatchObject({ compared: 12, equallyFar: 12 })
  const requeued = observed([...facts, { kind: 'trial-requeued', trial: 2, by: 'somebody' }], settings)
  expect(order(requeued).map(([trial]) => trial)).not.toContain(2)
})

test('a trial that was stopped early breaks only constraints that it has values of', () => {
  const settings = { ...SETTINGS, constraints: [{ name: 'memory', max: 10 }] } as const
  const stopped = (trial: number, values: Record<string, number>): FactBody[] => [
    ...climbing(trial, [1]),
    { kind: 'trial-ended', trial, state: 'pruned', value: 1, values, reason: 'test' },
  ]
  const observations = observed([...stopped(1, { loss: 1 }), ...stopped(2, { loss: 1, memory: 11 })], settings)
  expect(order(observations)).toEqual([
    [1, 'compared'],
    [2, 'infeasible'],
  ])
  expect(new RankedTrials(observations).equallyFar).toBe(2)
})
