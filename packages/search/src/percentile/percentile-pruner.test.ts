import { Median, Percentile } from '@sweep/spec/document/sweep-document'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { median } from '../median/median-pruner.ts'
import { curves, ended, histories, report, started } from '../testing/histories.ts'
import { foldAll, maximize, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { percentile } from './percentile-pruner.ts'

const settings = (overrides: object = {}) => Percentile.parse({ type: 'percentile', minTrials: 1, ...overrides })

prunerContract(
  percentile,
  [settings(), settings({ percentile: 80, grace: 3 }), settings({ percentile: 10, resource: 'reports' })],
  'a trial is judged by those that came before it',
)

test('at 25 a trial has to be among the best quarter', () => {
  const others = { 1: [1], 2: [2], 3: [3], 4: [4], 5: [5] }
  expect(stopped(percentile, settings({ minTrials: 5 }), curves({ ...others, 6: [2] }))).toEqual([])
  expect(percentile.decide(foldAll(percentile, settings({ minTrials: 5 }), curves({ ...others, 6: [2.5] })))).toEqual([
    {
      kind: 'prune',
      trial: 6,
      attempt: 1,
      verdict: {
        reason: 'the best so far, 2.5, is worse than 2, percentile 25 of the running averages of 5 others at step 1',
        resource: 1,
        value: 2.5,
        threshold: 2,
        rank: 3,
        peers: 5,
      },
    },
  ])
})

test('when maximising, the best quarter is the highest', () => {
  const values = curves({ 1: [1], 2: [2], 3: [3], 4: [4], 5: [5], 6: [3.5], 7: [4.25] })
  expect(stopped(percentile, settings({ minTrials: 5 }), values, maximize)).toEqual([6])
})

test('at 0 only the best goes on, at 100 all but one worse than every other', () => {
  const values = { 1: [3], 2: [5], 3: [4], 4: [6] }
  expect(stopped(percentile, settings({ percentile: 0 }), curves(values))).toEqual([2, 3, 4])
  expect(stopped(percentile, settings({ percentile: 100 }), curves(values))).toEqual([2, 4])
})

test('an attempt that starts anew takes its old averages away, also where it reported a step twice', () => {
  const twice = [started(1), report(1, 1, 1), report(1, 2, 1), report(1, 2, 1), ended(1, 1, 'lost')]
  const anew = [...twice, started(1, 2), report(1, 2, 9, 2)]
  expect(stopped(percentile, settings(), [...twice, started(2), report(2, 2, 4)])).toEqual([2])
  // The mean of 1 and 9 is 5.
  expect(stopped(percentile, settings(), [...anew, started(2), report(2, 2, 4)])).toEqual([])
  expect(stopped(percentile, settings(), [...anew, started(2), report(2, 2, 6)])).toEqual([2])
})

test('at 50 it decides as median does', () => {
  fc.assert(
    fc.property(histories, (facts) => {
      const half = percentile.decide(foldAll(percentile, settings({ percentile: 50 }), facts))
      const middle = median.decide(foldAll(median, Median.parse({ type: 'median', minTrials: 1 }), facts))
      expect(half).toEqual(middle)
    }),
  )
})
