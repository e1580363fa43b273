import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bestOf, type CurveSketch, emptySketch, MOST_POINTS, withReport } from './curve-sketch.ts'

const sketchOf = (losses: readonly number[], counted: 'step' | 'reports' = 'step') =>
  losses.reduce((sketch, loss, i) => withReport(sketch, 1, 10 * (i + 1), loss, counted), emptySketch)
const means = ({ points }: CurveSketch) => points.map(({ reports, loss }) => loss / reports)
const resources = ({ points }: CurveSketch) => points.map(({ reports, resource }) => resource / reports)

test('few reports are kept as they are', () => {
  const sketch = sketchOf([5, 4, 3])
  expect(means(sketch)).toEqual([5, 4, 3])
  expect(resources(sketch)).toEqual([10, 20, 30])
  expect(sketch).toMatchObject({ count: 3, first: 5, step: 30, last: 3 })
})

test('when the points are full, neighbours become one, the mean of both', () => {
  const full = Array.from({ length: MOST_POINTS }, (_, i) => i)
  const sketch = sketchOf([...full, 100])
  expect(means(sketch)).toEqual([...Array.from({ length: MOST_POINTS / 2 }, (_, i) => 2 * i + 0.5), 100])
  expect(resources(sketch)[0]).toBe(15)
  expect(means(sketchOf([...full, 100, 200])).at(-1)).toBe(150)
})

test('however many reports there were, the points are few and stand for all of them', () => {
  const losses = fc.array(fc.integer({ min: -100, max: 100 }), { minLength: 1, maxLength: 400, size: 'max' })
  fc.assert(
    fc.property(losses, (list) => {
      const sketch = sketchOf(list, 'reports')
      const { points, perPoint } = sketch
      expect(points.length).toBeLessThanOrEqual(MOST_POINTS)
      expect(points.slice(0, -1).every(({ reports }) => reports === perPoint)).toBe(true)
      const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
      expect(sum(points.map(({ reports }) => reports))).toBe(list.length)
      expect(sum(points.map(({ loss }) => loss))).toBe(sum(list))
      expect(sum(points.map(({ resource }) => resource))).toBe((list.length * (list.length + 1)) / 2)
      expect(bestOf(sketch)).toBe(Math.min(...list))
      expect(sketch).toMatchObject({ first: list[0], last: list.at(-1), count: list.length })
    }),
  )
})

test('what is not finite counts as a report and makes no point', () => {
  const worst = Number.POSITIVE_INFINITY
  const sketch = sketchOf([worst, 4, worst], 'reports')
  expect(means(sketch)).toEqual([4])
  expect(resources(sketch)).toEqual([2])
  expect(sketch).toMatchObject({ count: 3, first: 4, last: worst })
  expect(bestOf(sketchOf([worst]))).toBe(worst)
})

test('a newer attempt takes back what it repeats', () => {
  const before = sketchOf([5, 4, 3], 'reports')
  const goesOn = withReport(before, 2, 40, 2, 'reports')
  expect(means(goesOn)).toEqual([5, 4, 3, 2])
  expect(resources(goesOn)).toEqual([1, 2, 3, 4])
  const again = withReport(before, 2, 20, 9, 'reports')
  expect(means(again)).toEqual([5, 9])
  expect(again).toMatchObject({ attempt: 2, count: 2, first: 5, last: 9 })
  const anew = withReport(before, 2, 10, 9, 'reports')
  expect(anew).toMatchObject({ count: 1, first: 9 })
  expect(bestOf(anew)).toBe(9)
  expect(means(before)).toEqual([5, 4, 3])
})

test('a newer attempt drops a merged point that it reaches into', () => {
  const before = sketchOf(Array.from({ length: MOST_POINTS + 1 }, (_, i) => i))
  // Steps 10 and 20 are one point by now, 30 and 40 the next.
  expect(means(withReport(before, 2, 40, 7, 'step'))).toEqual([0.5, 7])
})
