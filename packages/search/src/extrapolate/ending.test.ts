import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SHAPE_SHARES, shapesAt } from './curve-shapes.ts'
import { type CurvePoint, type CurvePrior, endingOf, expectedEnd, probabilityBelow } from './ending.ts'

const prior: CurvePrior = { scale: 1, end: 0.3, endSpread: 0.2, drop: 0.6, dropSpread: 0.3 }
const points = (losses: readonly number[], steps: number): CurvePoint[] =>
  losses.map((loss, i) => ({ share: (i + 1) / steps, loss, reports: 1 }))
const curve = (count: number, steps: number, lossAt: (share: number) => number) =>
  points(
    Array.from({ length: count }, (_, i) => lossAt((i + 1) / steps)),
    steps,
  )

test.each([
  ['a power law', (share: number) => 0.2 + 0.7 / (1 + 30 * share)],
  ['an exponential', (share: number) => 0.2 + 0.7 * Math.exp(-8 * share)],
  ['a late rise', (share: number) => 0.1 + 0.7 * Math.exp(-12 * share) + 0.2 * share],
  ['a flat curve', () => 0.55],
])('%s is followed to its end, the closer the more is known', (_, lossAt) => {
  const errors = [10, 20, 40].map((count) =>
    Math.abs(expectedEnd(endingOf(curve(count, 50, lossAt), prior)) - lossAt(1)),
  )
  expect(errors[0]).toBeLessThan(0.15)
  expect(errors[1]).toBeLessThan(0.08)
  expect(errors[2]).toBeLessThan(0.03)
})

/** Solves a x = b by elimination, and gives the determinant of `a` with it. */
function solve(a: readonly (readonly number[])[], b: readonly number[]): { x: number[]; determinant: number } {
  const rows = a.map((row, i) => [...row, b[i]!])
  let determinant = 1
  for (const [i, pivot] of rows.entries()) {
    determinant *= pivot[i]!
    for (const other of rows.slice(i + 1)) {
      const factor = other[i]! / pivot[i]!
      for (const [j, value] of pivot.entries()) other[j]! -= factor * value
    }
  }
  const x: number[] = Array(b.length).fill(0)
  for (let i = b.length - 1; i >= 0; i -= 1) {
    const known = x.reduce((sum, value, j) => sum + (j > i ? rows[i]![j]! * value : 0), 0)
    x[i] = (rows[i]![b.length]! - known) / rows[i]![i]!
  }
  return { x, determinant }
}

test('the filters give what the joint normal distribution of all points does', () => {
  const seen: CurvePoint[] = [
    { share: 0.1, loss: 0.8, reports: 1 },
    { share: 0.2, loss: 0.62, reports: 2 },
    { share: 0.45, loss: 0.5, reports: 2 },
    { share: 0.6, loss: 0.52, reports: 1 },
  ]
  const [noise, least] = [0.02, 0.02]
  const levelVariance = ((0.2 + least) / noise) ** 2
  const dropVariance = ((0.3 + least) / noise) ** 2
  const shapes = seen.map(({ share }) => shapesAt(share))
  const expected = SHAPE_SHARES.flatMap((share, shape) =>
    [0, 3, 100].map((drift) => {
      const value = shapes.map((values) => values[shape]!)
      const covariance = seen.map((one, i) =>
        seen.map(
          (other, j) =>
            levelVariance +
            value[i]! * value[j]! * dropVariance +
            drift * (Math.min(one.share, other.share) - 0.1) +
            (i === j ? 1 / one.reports : 0),
        ),
      )
      const residuals = seen.map(({ loss }, i) => loss - 0.3 - 0.6 * value[i]!)
      const toEnd = seen.map(({ share }) => levelVariance + drift * (share - 0.1))
      const { x, determinant } = solve(covariance, residuals)
      const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, one, i) => sum + one * b[i]!, 0)
      const rate = noise ** 2 + dot(residuals, x) / 2
      const variance = levelVariance + drift * 0.9 + 1 - dot(toEnd, solve(covariance, toEnd).x)
      return {
        weight: (share * rate ** -3) / Math.sqrt(determinant),
        mean: 0.3 + dot(toEnd, x),
        deviation: Math.sqrt((rate / 3) * variance),
      }
    }),
  )
  const total = expected.reduce((sum, { weight }) => sum + weight, 0)
  const { freedom, parts } = endingOf(seen, prior)
  expect(freedom).toBe(6)
  expect(parts).toHaveLength(expected.length)
  for (const [i, { weight, mean, deviation }] of parts.entries()) {
    expect(weight).toBeCloseTo(expected[i]!.weight / total, 9)
    expect(mean).toBeCloseTo(expected[i]!.mean, 9)
    expect(deviation).toBeCloseTo(expected[i]!.deviation, 9)
  }
})

test('probabilities are those of Student, to two and a half digits', () => {
  const one = (freedom: number) => ({ freedom, parts: [{ weight: 1, mean: 10, deviation: 2 }] })
  // Quantiles of the usual table.
  expect(probabilityBelow(one(5), 10)).toBeCloseTo(0.5, 6)
  expect(Math.abs(probabilityBelow(one(5), 10 - 2 * 2.015) - 0.05)).toBeLessThan(0.004)
  expect(Math.abs(probabilityBelow(one(10), 10 + 2 * 1.812) - 0.95)).toBeLessThan(0.002)
  expect(Math.abs(probabilityBelow(one(30), 10 + 2 * 2.457) - 0.99)).toBeLessThan(0.001)
})

const losses = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 1, maxLength: 32, size: 'max' })

test('the unit of the metric and its zero do not matter', () => {
  fc.assert(
    fc.property(losses, (list) => {
      const seen = points(list, 40)
      const moved = seen.map((point) => ({ ...point, loss: 8 * point.loss + 16 }))
      const other = { scale: 8, end: 8 * 0.3 + 16, endSpread: 1.6, drop: 4.8, dropSpread: 2.4 }
      const probability = probabilityBelow(endingOf(seen, prior), 0.25)
      expect(probabilityBelow(endingOf(moved, other), 18)).toBeCloseTo(probability, 6)
    }),
    { numRuns: 30 },
  )
})

test('a probability lies between 0 and 1 and grows with the loss, whatever the curve', () => {
  const wild = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 32, size: 'max' })
  fc.assert(
    fc.property(fc.oneof(losses, wild), (list) => {
      const ending = endingOf(points(list, 40), prior)
      const probabilities = [-10, 0, 0.3, 1, 10].map((loss) => probabilityBelow(ending, loss))
      for (const [i, probability] of probabilities.entries()) {
        expect(probability).toBeGreaterThanOrEqual(i === 0 ? 0 : probabilities[i - 1]! - 1e-12)
        expect(probability).toBeLessThanOrEqual(1 + 1e-9)
      }
    }),
    { numRuns: 50 },
  )
})

test('a trial that is far off has hardly a chance, however far', () => {
  for (const loss of [3, 10, 1e6, 1e300]) {
    expect(probabilityBelow(endingOf(points(Array(8).fill(loss), 40), prior), 0.2)).toBeLessThan(0.02)
  }
})
