import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stepBuckets } from './step-buckets.ts'
import { type PointStream, thinPoints } from './thin-points.ts'

type Points = readonly (readonly [step: number, value: number])[]

const stream = (points: Points): PointStream => ({
  steps: points.map(([step]) => step),
  values: points.map(([, value]) => value),
})
// Of zeros that differ only in their sign either may be the least.
const value = fc.double().map((one) => (one === 0 ? 0 : one))
const points = (most: number) =>
  fc.array(fc.tuple(fc.integer({ min: -20, max: 1000 }), value), { maxLength: most }) as fc.Arbitrary<Points>
const runs = fc.tuple(fc.array(points(80), { maxLength: 3 }), points(150))

const some = (all: Points, places: readonly number[] = []): Points => all.filter((_, n) => places.includes(n))

/** As a chart of the run shows it: a later attempt counts from its first step on. */
function curveOf(attempts: readonly Points[], own: Points) {
  const standing = attempts.reduce<Points>((before, attempt) => {
    const begin = Math.min(...attempt.map(([step]) => step))
    return [...before.filter(([step]) => step < begin), ...attempt]
  }, [])
  const all = [...standing, ...own].sort((a, b) => a[0] - b[0])
  return { ...stream(all), times: all.map(() => 0) }
}

test('what stays gives the buckets of all points: last ones, least and largest', () => {
  fc.assert(
    fc.property(runs, fc.integer({ min: 2, max: 40 }), ([attempts, own], most) => {
      const { width, kept } = thinPoints(attempts.map(stream), stream(own), most)
      const left = [...attempts, own].map((all, n) => some(all, kept[n]))
      const before = stepBuckets(curveOf(attempts, own), most)
      const after = stepBuckets(curveOf(left.slice(0, -1), left.at(-1) ?? []), most, width)
      expect(before.width).toBe(width)
      expect({ ...after, counts: [] }).toEqual({ ...before, counts: [] })
    }),
  )
})

test('at most three points of a bucket stay, and the first of all, in the order they came, and a second time changes nothing', () => {
  fc.assert(
    fc.property(points(300), fc.integer({ min: 2, max: 40 }), (own, most) => {
      const { width, kept } = thinPoints([], stream(own), most)
      const [places = []] = kept
      expect(places.length).toBeLessThanOrEqual(3 * most + 1)
      expect(places).toEqual(places.toSorted((a, b) => a - b))
      const left = some(own, places)
      const again = thinPoints([], stream(left), most, width)
      expect(again).toEqual({ width, kept: [left.map((_, n) => n)] })
    }),
  )
})

test('a bucket in which a later attempt begins keeps what counts of both', () => {
  const first = stream([
    [0, 9],
    [1, 1],
    [2, 0],
    [3, 10],
  ])
  const second = stream([
    [2, 5],
    [3, 6],
  ])
  // Of the first attempt steps 0 and 1 count, and its points beyond have buckets of their own.
  expect(thinPoints([first, second], stream([]), 2, 4)).toEqual({ width: 4, kept: [[0, 1, 2, 3], [0, 1], []] })
})

test('a million points of one metric are thinned out without recursion or a stack full of arguments', () => {
  const steps = Array.from({ length: 1_000_000 }, (_, n) => n)
  const { width, kept } = thinPoints([], { steps, values: steps }, 500)
  expect(width).toBe(2048)
  // Rising values: the least of a bucket is its first point, the largest its last.
  expect(kept[0]?.slice(0, 4)).toEqual([0, 2047, 2048, 4095])
})
