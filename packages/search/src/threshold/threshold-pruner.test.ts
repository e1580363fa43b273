import { Threshold } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { curves, ended, report, started } from '../testing/histories.ts'
import { foldAll, maximize, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { threshold } from './threshold-pruner.ts'

const settings = (overrides: object = {}) => Threshold.parse({ type: 'threshold', ...overrides })

// Bounds are in the metric's unit, so only those that lie evenly around 0 hold for negated values too.
prunerContract(threshold, [
  settings({ lower: -5, upper: 5 }),
  settings({ grace: 3 }),
  settings({ lower: -2, upper: 2, nonFinite: false, resource: 'reports', grace: 2 }),
])

test('a value on a bound is inside, one past it is not, and the verdict says which', () => {
  const values = curves({ 1: [0.2, 0.8], 2: [0.19], 3: [0.81] })
  const bounds = settings({ lower: 0.2, upper: 0.8 })
  expect(threshold.decide(foldAll(threshold, bounds, values)).map(({ verdict }) => verdict)).toEqual([
    { reason: '0.19 is below the lower bound 0.2 at step 1', resource: 1, value: 0.19, threshold: 0.2, peers: 0 },
    { reason: '0.81 is above the upper bound 0.8 at step 1', resource: 1, value: 0.81, threshold: 0.8, peers: 0 },
  ])
})

test('the bounds mean the same whichever way is better', () => {
  const values = curves({ 1: [1], 2: [3], 3: [5] })
  expect(stopped(threshold, settings({ lower: 2, upper: 4 }), values)).toEqual([1, 3])
  expect(stopped(threshold, settings({ lower: 2, upper: 4 }), values, maximize)).toEqual([1, 3])
})

test('a value that is no finite number stops a trial, unless that is turned off', () => {
  const broken = curves({ 1: [Number.NaN], 2: [Number.POSITIVE_INFINITY], 3: [Number.NEGATIVE_INFINITY], 4: [1e300] })
  expect(threshold.decide(foldAll(threshold, settings(), broken)).map(({ verdict }) => verdict)).toEqual([
    { reason: 'NaN is not a finite number at step 1', resource: 1, value: Number.NaN, peers: 0 },
    { reason: 'Infinity is not a finite number at step 1', resource: 1, value: Number.POSITIVE_INFINITY, peers: 0 },
    { reason: '-Infinity is not a finite number at step 1', resource: 1, value: Number.NEGATIVE_INFINITY, peers: 0 },
  ])
  const lenient = settings({ lower: 0, upper: 9, nonFinite: false })
  expect(stopped(threshold, lenient, broken)).toEqual([2, 3, 4])
})

const nth = (ordinal: number, fact: FactBody): FactBody => (fact.kind === 'report' ? { ...fact, ordinal } : fact)

test('nothing stops below the grace, in steps or in reports of the attempt', () => {
  expect(stopped(threshold, settings({ upper: 1, grace: 3 }), curves({ 1: [9, 9] }))).toEqual([])
  expect(stopped(threshold, settings({ upper: 1, grace: 3 }), curves({ 1: [9, 9, 9] }))).toEqual([1])
  const late = [started(1), nth(1, report(1, 100, 9))]
  const twoReports = settings({ upper: 1, grace: 2, resource: 'reports' })
  expect(stopped(threshold, twoReports, late)).toEqual([])
  expect(stopped(threshold, twoReports, [...late, nth(2, report(1, 200, 9))])).toEqual([1])
  const retried = [started(1), report(1, 1, 0), ended(1, 1, 'lost'), started(1, 2)]
  expect(stopped(threshold, twoReports, [...retried, nth(1, report(1, 2, 9, 2))])).toEqual([])
})

test('the last value counts, and a return to the bounds does not undo a verdict', () => {
  expect(stopped(threshold, settings({ upper: 5 }), curves({ 1: [1, 9, 1] }))).toEqual([1])
  expect(stopped(threshold, settings({ upper: 5, grace: 3 }), curves({ 1: [1, 9, 1] }))).toEqual([])
})
