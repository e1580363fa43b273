import { SyncHyperband } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { documentOf } from '../testing/documents.ts'
import { curves, ended, report, resumed, started, stopAsked, trialEnded } from '../testing/histories.ts'
import { foldAll, offered, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { simulateSweep } from '../testing/simulated-sweep.ts'
import { syncHyperband } from './sync-hyperband-pruner.ts'

const settings = (overrides: object = {}) => SyncHyperband.parse({ type: 'sync-hyperband', ...overrides })

prunerContract(
  syncHyperband,
  [
    settings({ maxResource: 4, reductionFactor: 2 }),
    settings({ maxResource: 3 }),
    settings({ maxResource: 8, minResource: 2, reductionFactor: 2, resource: 'reports' }),
    settings({ maxResource: 9 }),
  ],
  'trials fill the brackets in the order in which they start',
  'it takes a place in a bracket, which is decided once it is full',
)

/** Brackets of 4, 3 and 3 trials; the rungs of the first are at 1, 2 and 4. */
const small = settings({ maxResource: 4, reductionFactor: 2 })

const lastOne: FactBody = { kind: 'no-more-trials', reason: 'test', basis: 0 }

/** Trials that come to a resource with these losses and are paused there; null runs and has not come yet. */
function paused(losses: readonly (number | null)[], step = 1): FactBody[] {
  return losses.flatMap((loss, index) => {
    const trial = index + 1
    if (loss === null) return [started(trial)]
    return [started(trial), report(trial, step, loss), stopAsked(trial, 1, 'paused'), ended(trial, 1, 'paused')]
  })
}

function resume(trial: number): FactBody[] {
  return [resumed(trial), started(trial, 2)]
}

function decide(facts: readonly FactBody[], withSettings = small) {
  return syncHyperband.decide(foldAll(syncHyperband, withSettings, facts))
}

function kinds(facts: readonly FactBody[], withSettings = small): string[] {
  return decide(facts, withSettings).map(({ kind, trial }) => `${kind} ${trial}`)
}

test('a trial waits at its rung for all others of its bracket', () => {
  expect(decide([...paused([5, 4]), started(3), report(3, 1, 6)])).toEqual([
    {
      kind: 'pause',
      trial: 3,
      attempt: 1,
      verdict: {
        reason: '6 waits at step 1 for its bracket: 3 of 4 trials are there',
        rung: 0,
        bracket: 0,
        resource: 1,
        value: 6,
        rank: 3,
        peers: 3,
      },
    },
  ])
  expect(kinds(paused([5, 4, 6, null]))).toEqual([])
})

test('when the last has come the best n / eta go on and the others are pruned, the last one without a pause', () => {
  const facts = [...paused([5, 4, 6, null]), report(4, 1, 1)]
  expect(kinds(facts)).toEqual(['prune 1', 'prune 3', 'resume 2'])
  expect(decide(facts)).toMatchObject([
    { verdict: { reason: '5 is outside the best 2 of 4 at step 1', rank: 3, threshold: 4 } },
    { attempt: 1, verdict: { rank: 4, peers: 4 } },
    { attempt: 1, verdict: { reason: '4 is among the best 2 of 4 at step 1', rank: 2, peers: 4, rung: 0, bracket: 0 } },
  ])
  expect(kinds([...paused([5, 1, 6, null]), report(4, 1, 9)])).toEqual(['prune 3', 'prune 4', 'resume 2', 'resume 1'])
})

test('a rung higher the same, and from the last one a trial runs to its end', () => {
  const first = [...paused([1, 2, 3, 4]), stopAsked(3), trialEnded(3, 'pruned'), stopAsked(4), trialEnded(4, 'pruned')]
  const second = [...first, ...resume(1), ...resume(2), report(1, 2, 1, 2)]
  expect(kinds(second)).toEqual(['pause 1'])
  const decided = [...second, stopAsked(1, 2, 'paused'), ended(1, 2, 'paused'), report(2, 2, 0, 2)]
  expect(kinds(decided)).toEqual(['prune 1'])
  expect(kinds([...decided, report(2, 3, 0, 2), report(2, 4, 0, 2), report(2, 5, 0, 2)])).toEqual(['prune 1'])
  const other = [...second, stopAsked(1, 2, 'paused'), ended(1, 2, 'paused'), report(2, 2, 9, 2)]
  expect(decide(other)).toMatchObject([
    { kind: 'prune', trial: 2, attempt: 2 },
    { kind: 'resume', trial: 1, attempt: 2 },
  ])
})

test('of those that may go on the highest rung comes first', () => {
  const second = [5, 6, 7].flatMap((trial) => [
    started(trial),
    report(trial, 2, trial),
    stopAsked(trial, 1, 'paused'),
    ended(trial, 1, 'paused'),
  ])
  expect(offered(syncHyperband, small, [...paused([1, 2, 3, 4]), ...second])).toEqual([5, 1, 2])
})

test('a trial that is still on its way to its pause is decided on once it is there', () => {
  const going = [started(1), report(1, 1, 1), stopAsked(1, 1, 'paused'), started(2), report(2, 1, 9)]
  const full = [...going, stopAsked(2, 1, 'paused'), started(3), report(3, 1, 2), started(4), report(4, 1, 3)]
  expect(kinds(full)).toEqual(['prune 4'])
  expect(kinds([...full, ended(1, 1, 'paused'), ended(2, 1, 'paused')])).toEqual(['prune 2', 'prune 4', 'resume 1'])
  // Its successor, when it was lost instead: in the race it runs on, out of it it is stopped.
  expect(kinds([...full, ended(1, 1, 'lost'), started(1, 2)])).toEqual(['prune 4'])
  expect(kinds([...full, ended(2, 1, 'lost'), started(2, 2)])).toEqual(['prune 2', 'prune 4'])
})

test('a trial that failed, or ended before its rung, is waited for no longer and takes no place', () => {
  const facts = [...paused([5, 4, 6, null])]
  expect(kinds([...facts, ended(4, 1, 'user-error'), trialEnded(4, 'failed')])).toEqual([
    'prune 3',
    'resume 2',
    'resume 1',
  ])
  const allGone = [1, 2, 3, 4].flatMap((trial) => [started(trial), ended(trial), trialEnded(trial, 'failed')])
  expect(kinds(allGone)).toEqual([])
  const ofTwo = [...paused([1, 2, 3, 4]), ...resume(1), ...resume(2), ended(2, 2, 'oom'), trialEnded(2, 'failed')]
  expect(kinds([...ofTwo, report(1, 2, 1, 2)])).toEqual(['prune 3', 'prune 4'])
})

test('of a value that is not finite nothing goes on, even where a place stays free', () => {
  expect(kinds(paused([Number.NaN, 4, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]))).toEqual([
    'prune 1',
    'prune 3',
    'prune 4',
    'resume 2',
  ])
})

test('a trial that has jumped past its next rung is there already', () => {
  expect(kinds(paused([1, 2, 3, 4], 2))).toEqual(['prune 2', 'prune 3', 'prune 4', 'resume 1'])
  expect(decide(paused([1, 2, 3, 4], 2))[3]).toMatchObject({ verdict: { rung: 1, resource: 2, peers: 2 } })
})

test('trials start in one bracket after the other, and the brackets begin again; the last is never held', () => {
  const arrivals = (from: number, count: number, step: number) =>
    Array.from({ length: count }, (_, index) => [
      started(from + index),
      report(from + index, step, from + index),
    ]).flat()
  const bracketOf = (facts: readonly FactBody[]) =>
    decide(facts).map(({ trial, verdict }) => `${trial}: ${verdict.bracket} at ${verdict.resource}`)
  const first = arrivals(1, 4, 1).flatMap((fact) => [fact])
  expect(bracketOf([...first, ...arrivals(5, 2, 1)])).toEqual(['3: 0 at 1', '4: 0 at 1'])
  expect(bracketOf([...first, ...arrivals(5, 2, 2)])).toEqual(['3: 0 at 1', '4: 0 at 1', '5: 1 at 2', '6: 1 at 2'])
  const two = [...first, ...arrivals(5, 3, 2)]
  expect(stopped(syncHyperband, small, [...two, ...arrivals(8, 3, 4)])).toEqual([3, 4, 6, 7])
  expect(bracketOf([...two, ...arrivals(8, 3, 4), ...arrivals(11, 1, 1)]).at(-1)).toBe('11: 0 at 1')
})

test('when no more trials come, the open bracket is decided with those it has, and one goes on at least', () => {
  expect(kinds([...paused([5, 4, 6]), lastOne])).toEqual(['prune 1', 'prune 3', 'resume 2'])
  expect(kinds([...paused([5, 4, null]), lastOne])).toEqual([])
  expect(kinds([...paused([5]), lastOne])).toEqual(['resume 1'])
  // What comes after all starts in the next bracket, whose lowest rung is at 2.
  expect(kinds([...paused([5]), lastOne, started(2), report(2, 1, 9)])).toEqual(['resume 1'])
  expect(kinds([lastOne])).toEqual([])
})

test('a trial that a person takes up again runs beside its bracket', () => {
  const again: FactBody = { kind: 'trial-requeued', trial: 1, by: 'ada' }
  expect(kinds([...paused([1, 4, 6, null]), again])).toEqual([])
  const facts = [...paused([1, 4, 6, null]), again, started(1, 2), report(1, 2, 1, 2)]
  expect(kinds(facts)).toEqual([])
  expect(kinds([...facts, report(4, 1, 7)])).toEqual(['prune 4', 'resume 2', 'resume 3'])
})

test('reports may count instead of steps', () => {
  const counting = settings({ maxResource: 4, reductionFactor: 2, resource: 'reports' })
  expect(kinds([started(1), report(1, 500, 1)], counting)).toEqual(['pause 1'])
  expect(offered(syncHyperband, counting, paused([1, 2, 3, 4], 500))).toEqual([1, 2])
})

/** Table 1 of the paper: R = 81, eta = 3; trials and resource of each rung, bracket by bracket. */
const TABLE_1 = [
  { 1: 81, 3: 27, 9: 9, 27: 3, 81: 1 },
  { 3: 34, 9: 11, 27: 3, 81: 1 },
  { 9: 15, 27: 5, 81: 1 },
  { 27: 8, 81: 2 },
  { 81: 5 },
]

test('the table of the paper for R = 81 and eta = 3 comes out of a sweep of 143 trials', () => {
  const document = documentOf({ earlyTerminate: { type: 'sync-hyperband', maxResource: 81 } })
  const { facts, fold } = simulateSweep(document, 143, 6, { steps: 81, failures: false }, rngFor(3, 0))
  const reached = new Map<number, number>()
  const brackets = TABLE_1.flatMap((rungs, bracket) => Array(Object.values(rungs)[0]).fill(bracket) as number[])
  for (const fact of facts) if (fact.kind === 'report') reached.set(fact.trial, fact.step)
  const table = TABLE_1.map((rungs, bracket) =>
    Object.fromEntries(
      Object.keys(rungs).map((resource) => {
        const trials = [...reached].filter(([trial]) => brackets[trial - 1] === bracket)
        return [resource, trials.filter(([, step]) => step >= Number(resource)).length]
      }),
    ),
  )
  expect(table).toEqual(TABLE_1)
  expect(fold.counts).toMatchObject({ completed: 10, pruned: 133, paused: 0, running: 0 })
})

test('whatever happens to its trials, a sweep ends with some of them trained to the end', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(2, 3),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 6 }),
      fc.boolean(),
      (seed, reductionFactor, trials, workers, checkpoints) => {
        const earlyTerminate = { type: 'sync-hyperband', maxResource: 9, reductionFactor }
        const work = { steps: 9, checkpoints }
        const { facts, fold } = simulateSweep(documentOf({ earlyTerminate }), trials, workers, work, rngFor(seed, 0))
        expect(fold.counts).toMatchObject({ running: 0, paused: 0 })
        const hasNaN = facts.some((fact) => fact.kind === 'report' && !Number.isFinite(fact.value))
        if (!hasNaN) expect(fold.counts.completed).toBeGreaterThan(0)
        // Nobody is left to be pruned by the end of the sweep: every rung was decided.
        const undecided = facts.filter((fact) => fact.kind === 'trial-ended' && fact.reason === 'left paused')
        expect(undecided).toEqual([])
      },
    ),
    { numRuns: 40 },
  )
})

test('no decision of a rung comes before its bracket is there', () => {
  expect(stopped(syncHyperband, small, curves({ 1: [1], 2: [2], 3: [3] }))).toEqual([1, 2, 3])
  expect(offered(syncHyperband, small, paused([1, 2, 3]))).toEqual([])
})
