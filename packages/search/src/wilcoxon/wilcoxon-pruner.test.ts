import { Wilcoxon } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { curves, ended, report, started } from '../testing/histories.ts'
import { foldAll, maximize, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { wilcoxon } from './wilcoxon-pruner.ts'

const settings = (overrides: object = {}) => Wilcoxon.parse({ type: 'wilcoxon', ...overrides })

prunerContract(
  wilcoxon,
  [settings(), settings({ pThreshold: 0.4 }), settings({ pThreshold: 0.9, grace: 1 })],
  'a trial is judged by those that completed before it',
)

/** Trials that evaluated instances 1, 2, 3, … and completed. */
const completed = (values: Record<number, readonly number[]>): FactBody[] => [
  ...curves(values),
  ...Object.keys(values).map((trial) => ended(Number(trial))),
]

test('a trial stops once it is worse than the best on enough instances', () => {
  const best = completed({ 1: [10, 20, 30, 40, 50, 60] })
  // All of n worse: p = 2^-n.
  expect(stopped(wilcoxon, settings(), [...best, ...curves({ 2: [51, 52, 53] })])).toEqual([])
  expect(wilcoxon.decide(foldAll(wilcoxon, settings(), [...best, ...curves({ 2: [51, 52, 53, 54] })]))).toEqual([
    {
      kind: 'prune',
      trial: 2,
      attempt: 1,
      verdict: {
        reason:
          'the mean, 52.5, is worse than 35, that of trial 1: p = 0.0625 is below 0.1 in a signed-rank test on 4 instances',
        resource: 4,
        value: 52.5,
        threshold: 35,
        rank: 2,
        peers: 1,
      },
    },
  ])
})

test('the grace and the threshold of p hold', () => {
  const facts = [...completed({ 1: [1, 1, 1, 1, 1] }), ...curves({ 2: [9, 9, 9, 9] })]
  expect(stopped(wilcoxon, settings({ grace: 4 }), facts)).toEqual([2])
  expect(stopped(wilcoxon, settings({ grace: 5 }), facts)).toEqual([])
  expect(stopped(wilcoxon, settings({ pThreshold: 0.0625 }), facts)).toEqual([])
  expect(stopped(wilcoxon, settings({ pThreshold: 0.0626 }), facts)).toEqual([2])
})

test('when maximising, lower is worse', () => {
  const best = completed({ 1: [5, 5, 5, 5] })
  expect(stopped(wilcoxon, settings(), [...best, ...curves({ 2: [4, 4, 4, 4], 3: [6, 6, 6, 6] })], maximize)).toEqual([
    2,
  ])
})

test('a mean that is no worse keeps a trial, whatever the signs say', () => {
  // Worse on nine instances of ten, and much better on one; the best's other instances are as they are.
  const best = completed({ 1: [50, 1, 1, 1, 1, 1, 1, 1, 1, 1] })
  const worse = [2, 2, 2, 2, 2, 2, 2, 2, 2]
  const p = settings({ pThreshold: 0.2 })
  expect(stopped(wilcoxon, p, [...best, ...curves({ 2: [30, ...worse] })])).toEqual([])
  expect(stopped(wilcoxon, p, [...best, ...curves({ 2: [49, ...worse] })])).toEqual([2])
})

test('a mean that is no worse over all instances of the best keeps a trial too', () => {
  const best = completed({ 1: [1, 1, 1, 1, 99] })
  expect(stopped(wilcoxon, settings(), [...best, ...curves({ 2: [2, 2, 2, 2] })])).toEqual([])
})

test('only shared instances are compared, in whatever order they come', () => {
  const best = completed({ 1: [1, 2, 3, 4, 5] })
  const order = [5, 3, 1, 4, 2].map((instance) => report(2, instance, instance + 1))
  expect(stopped(wilcoxon, settings(), [...best, started(2), ...order.slice(0, 4)])).toEqual([2])
  const strange = [10, 11, 12, 13].map((instance) => report(2, instance, 99))
  expect(stopped(wilcoxon, settings({ grace: 1 }), [...best, started(2), ...strange])).toEqual([])
})

test('the best has the lowest mean of those with the most instances, and no NaN', () => {
  const against = (trials: Record<number, readonly number[]>) => {
    const facts = [...completed(trials), ...curves({ 9: [50, 50, 50, 50] })]
    return wilcoxon.decide(foldAll(wilcoxon, settings(), facts))[0]?.verdict.threshold
  }
  expect(against({ 1: [4, 4, 4, 4], 2: [3, 3, 3, 3], 3: [5, 5, 5, 5] })).toBe(3)
  expect(against({ 1: [4, 4, 4, 4], 2: [0] })).toBe(4)
  expect(against({ 2: [0], 3: [4, 4, 4, 4] })).toBe(4)
  expect(against({ 1: [4, 4, 4, 4], 2: [0, 0, 0, Number.NaN] })).toBe(4)
  expect(against({ 1: [Number.NaN, 4, 4, 4] })).toBeUndefined()
})

test('only a completed trial is the best', () => {
  const lost = [...curves({ 1: [1, 1, 1, 1] }), ended(1, 1, 'pruned')]
  expect(stopped(wilcoxon, settings(), [...lost, ...curves({ 2: [9, 9, 9, 9] })])).toEqual([])
})

test('a report that is not finite is worse than any', () => {
  const best = completed({ 1: [1, 1, 1, 1] })
  expect(stopped(wilcoxon, settings(), [...best, ...curves({ 2: Array(4).fill(Number.NaN) })])).toEqual([2])
})

test('equal values stop nothing', () => {
  expect(stopped(wilcoxon, settings(), [...completed({ 1: [1, 2, 3, 4] }), ...curves({ 2: [1, 2, 3, 4] })])).toEqual([])
})

test('a retried trial takes back what came after the instance it took up at', () => {
  const best = completed({ 1: [1, 1, 1, 1, 1, 1] })
  const lost = [...best, started(2), ...[6, 2, 4].map((instance) => report(2, instance, 9)), ended(2, 1, 'lost')]
  const next = (instances: readonly number[], value: number) => [
    started(2, 2),
    ...instances.map((instance) => report(2, instance, value, 2)),
  ]
  // From nothing: what it reports now is all there is.
  expect(stopped(wilcoxon, settings(), [...lost, ...next([6], 9)])).toEqual([])
  expect(stopped(wilcoxon, settings(), [...lost, ...next([6, 2, 4, 1], 1)])).toEqual([])
  // From a checkpoint: 6 and 2 stay.
  expect(stopped(wilcoxon, settings(), [...lost, ...next([4, 1], 9)])).toEqual([2])
  expect(stopped(wilcoxon, settings(), [...lost, ...next([4], 9)])).toEqual([])
  // One that it had not had yet: all stay.
  expect(stopped(wilcoxon, settings(), [...lost, ...next([1], 9)])).toEqual([2])
})

test('a trial whose mean is better on every count is never stopped', () => {
  const values = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), {
    minLength: 1,
    maxLength: 12,
  })
  fc.assert(
    fc.property(values, (pairs) => {
      const [first, second] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
      const total = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0)
      fc.pre(total(second) <= total(first))
      // Told at once, in one step after the grace, so that the last report is the only one judged.
      const lenient = settings({ pThreshold: 0.99, grace: pairs.length })
      expect(stopped(wilcoxon, lenient, [...completed({ 1: first }), ...curves({ 2: second })])).toEqual([])
    }),
  )
})
