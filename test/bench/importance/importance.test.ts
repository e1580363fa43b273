import { importanceOf } from '@sweep/analysis/importance/importance'
import { expect, test } from 'vitest'
import { readEvaluations } from './evaluations.ts'
import { correlation } from './rank-correlation.ts'

const sets = readEvaluations()

test('ranks of values that are in the same order correlate fully, in the opposite order not at all', () => {
  expect(correlation([1, 5, 2], [10, 30, 20])).toBeCloseTo(1, 12)
  expect(correlation([1, 5, 2], [3, 1, 2])).toBeCloseTo(-1, 12)
  // Spearman 1904 by hand: 1 - 6 * 2 / (4 * 15).
  expect(correlation([1, 2, 3, 4], [1, 3, 2, 4])).toBeCloseTo(0.8, 12)
})

test.skipIf(sets === undefined)("on Optuna's trials PED-ANOVA puts the same parameters first as Optuna's", () => {
  for (const { points, names, optuna, name } of sets!) {
    const { parameters, leftOut } = importanceOf(points, { method: 'ped-anova' })
    expect(leftOut, name).toEqual({ failed: 0, unfinished: 0, otherResource: 0, foreign: 0, surplus: 0 })
    const theirs = optuna.find(({ evaluator }) => evaluator === 'pedanova')!.importance
    const ours = Object.fromEntries(parameters.map((one) => [one.name, one.importance]))
    const agreed = correlation(
      names.map((one) => ours[one]!),
      names.map((one) => theirs[one]!),
    )
    expect(agreed, name).toBeGreaterThanOrEqual(0.9)
  }
})
