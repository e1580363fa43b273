import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Curve, stepBuckets } from './step-buckets.ts'

function curve(points: readonly (readonly [number, number])[]): Curve {
  const sorted = [...points].sort((a, b) => a[0] - b[0])
  return {
    steps: sorted.map(([step]) => step),
    times: sorted.map((_, n) => n),
    values: sorted.map(([, value]) => value),
  }
}

const curves = fc
  .array(fc.tuple(fc.oneof(fc.integer({ min: -50, max: 5000 }), fc.maxSafeInteger()), fc.double()), { maxLength: 300 })
  .map(curve)

test('a bucket has its last point, its extremes without NaN, and its count', () => {
  const points = [
    [0, 5],
    [1, Number.NaN],
    [2, 1],
    [3, 3],
    [4, Number.NaN],
    [9, Number.POSITIVE_INFINITY],
  ] as const
  expect(stepBuckets(curve(points), 3)).toEqual({
    width: 4,
    steps: [3, 4, 9],
    times: [3, 4, 5],
    values: [3, Number.NaN, Number.POSITIVE_INFINITY],
    min: [1, null, Number.POSITIVE_INFINITY],
    max: [5, null, Number.POSITIVE_INFINITY],
    counts: [4, 1, 1],
  })
})

test('there are never more than asked for, nothing is left out, and no half as wide buckets would do', () => {
  fc.assert(
    fc.property(curves, fc.integer({ min: 2, max: 50 }), (points, most) => {
      const { width, counts, steps } = stepBuckets(points, most)
      expect(counts.length).toBeLessThanOrEqual(most)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(points.steps.length)
      expect(steps.at(-1)).toBe(points.steps.at(-1))
      const halves = new Set(points.steps.map((step) => Math.floor(step / (width / 2))))
      if (width > 1) expect(halves.size).toBeGreaterThan(most)
    }),
  )
})

test('buckets of a growing run stay while they are as wide', () => {
  const long = curve(Array.from({ length: 1000 }, (_, n) => [n, Math.sin(n)] as const))
  const short = curve(long.steps.slice(0, 800).map((step, n) => [step, long.values[n] ?? 0] as const))
  const [a, b] = [stepBuckets(short, 500), stepBuckets(long, 500)]
  expect([a.width, b.width]).toEqual([2, 2])
  expect(b.min.slice(0, a.min.length)).toEqual(a.min)
  expect(b.values.slice(0, a.values.length)).toEqual(a.values)
})

test('nothing gives no buckets', () => {
  expect(stepBuckets(curve([]), 2)).toMatchObject({ steps: [], counts: [] })
})
