import { SweepError } from '@sweep/spec/errors'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRng } from '../rng.ts'
import { choice, completed, drawn, spaceOf, unit } from '../testing/sweeps.ts'
import type { SweepPoints } from '../trial-points.ts'
import { contour, partialDependence } from './dependence.ts'
import { groupCurves } from './learning-curves.ts'
import { parallelCoordinates } from './parallel.ts'
import { bestOfRuns, bestSoFar, valueDistribution } from './progress.ts'
import { rankPlot } from './ranks.ts'
import { slice } from './slice.ts'
import { type TimedTrial, timeline } from './timeline.ts'

const two: SweepPoints = {
  space: spaceOf(unit('x'), choice('opt', 'adam', 'sgd'), { ...unit('m'), when: { opt: ['sgd'] } }),
  goal: 'maximize',
  trials: completed([
    [{ x: 0.1, opt: 'adam' }, 3],
    [{ x: 0.9, opt: 'sgd', m: 0.5 }, 1],
    [{ x: 0.4, opt: 'adam' }, 5],
    [{ x: 0.4, opt: 'sgd', m: 0.2 }, 0],
  ]),
}

test('a slice has the reported values, and bins of whole values with their median and quartiles', () => {
  const { points, bins } = slice(two, 'x', 2)
  expect(points.map(({ trial, x, value }) => [trial, x, value])).toEqual([
    [1, 0.1, 3],
    [2, 0.9, 1],
    [3, 0.4, 5],
    [4, 0.4, 0],
  ])
  expect(bins).toEqual([
    { from: 0.1, to: 0.4, count: 3, median: 3, lowerQuartile: 1.5, upperQuartile: 4 },
    { from: 0.9, to: 0.9, count: 1, median: 1, lowerQuartile: 1, upperQuartile: 1 },
  ])
  expect(slice(two, 'opt').bins.map(({ from, median }) => [from, median])).toEqual([
    ['adam', 4],
    ['sgd', 0.5],
  ])
  expect(slice(two, 'm').points).toHaveLength(2)
  expect(() => slice(two, 'y')).toThrow(SweepError)
  expect(slice({ ...two, trials: [] }, 'x')).toEqual({ points: [], bins: [] })
})

test('the dependence follows the function, in the direction of the goal, with an interval around it', () => {
  const down = drawn(['x', 'y'], 300, createRng(1), ({ x, y }) => 4 * (x! - 0.5) ** 2 + 0.1 * y!)
  const { points, r2 } = partialDependence(down, 'x')
  expect(r2).toBeGreaterThan(0.9)
  for (const { x, value, low, high } of points) {
    expect(low).toBeLessThanOrEqual(value)
    expect(high).toBeGreaterThanOrEqual(value)
    expect(Math.abs(value - (4 * (Number(x) - 0.5) ** 2 + 0.05))).toBeLessThan(0.25)
  }
  const xs = points.map(({ x }) => Number(x))
  expect(xs).toEqual(xs.toSorted((a, b) => a - b))
  const up = partialDependence({ ...down, goal: 'maximize' }, 'x').points
  for (const [index, point] of points.entries()) expect(up[index]!.value).toBeCloseTo(point.value, 10)
})

test('a contour shows what two parameters do together, a row for every y', () => {
  const points = drawn(['x', 'y', 'z'], 400, createRng(2), ({ x, y }) => (x! > 0.5 && y! > 0.3 ? 1 : 0))
  const { xs, ys, cells } = contour(points, ['x', 'y'])
  expect(cells).toHaveLength(ys.length)
  expect(cells[0]).toHaveLength(xs.length)
  for (const [row, y] of ys.entries())
    for (const [column, x] of xs.entries()) {
      if (Math.abs(Number(x) - 0.5) < 0.1 || Math.abs(Number(y) - 0.3) < 0.1) continue
      const { value, low, high } = cells[row]![column]!
      expect(Math.abs(value - (Number(x) > 0.5 && Number(y) > 0.3 ? 1 : 0))).toBeLessThan(0.25)
      expect(low <= value && value <= high).toBe(true)
    }
})

test('the dependence on a conditional parameter is of the trials in which it was active', () => {
  const { points } = partialDependence(two, 'm')
  expect(points.map(({ x }) => x)).toEqual([0.2, 0.5])
  for (const { value } of points) expect(value).toBeCloseTo(0.5, 0)
  expect(contour(two, ['m', 'x']).xs).toEqual([0.2, 0.5])
  expect(partialDependence(two, 'opt').points.map(({ x }) => x)).toEqual(['adam', 'sgd'])
  expect(() => contour(two, ['x', 'x'])).toThrow('no contour with itself')
  expect(() => partialDependence({ ...two, trials: [] }, 'x')).toThrow('no finished trial')
  // Active in all of its trials, as its parent is, but always the same there.
  expect(contour(two, ['m', 'opt']).ys).toEqual(['adam', 'sgd'])
})

test('parallel coordinates have a line a trial, the best last, and a gap where a parameter was inactive', () => {
  const { axes, lines } = parallelCoordinates(two)
  expect(axes).toEqual([
    { name: 'x', values: null },
    { name: 'opt', values: ['adam', 'sgd'] },
    { name: 'm', values: null },
  ])
  expect(lines.map(({ trial }) => trial)).toEqual([4, 2, 1, 3])
  expect(lines[0]!.at).toEqual([0.4, 0.75, 0.2])
  expect(lines[3]).toEqual({ trial: 3, value: 5, at: [0.4, 0.25, null] })
})

test('ranks go from 0 for the best to 1 for the worst, among all trials', () => {
  expect(rankPlot(two, ['x', 'opt']).map(({ rank }) => rank)).toEqual([1 / 3, 2 / 3, 0, 1])
  expect(rankPlot(two, ['x', 'm'])).toEqual([
    { trial: 2, x: 0.9, y: 0.5, value: 1, rank: 2 / 3 },
    { trial: 4, x: 0.4, y: 0.2, value: 0, rank: 1 },
  ])
  expect(rankPlot({ ...two, trials: two.trials.slice(0, 1) }, ['x', 'opt'])[0]!.rank).toBe(0)
})

test('the distribution of the values rises to 1, a step a value', () => {
  const points = { goal: 'minimize' as const, trials: completed([3, 1, 3, 2].map((value) => [{}, value])) }
  expect(valueDistribution(points)).toEqual([
    { value: 1, share: 0.25 },
    { value: 2, share: 0.5 },
    { value: 3, share: 1 },
  ])
  expect(valueDistribution({ ...points, trials: [] })).toEqual([])
})

test('the best so far never gets worse and is a value that was seen', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.boolean(), (values, isUp) => {
      const line = bestSoFar({
        goal: isUp ? 'maximize' : 'minimize',
        trials: completed(values.map((value) => [{}, value])).toReversed(),
      })
      for (const [index, { trial, best }] of line.entries()) {
        expect(trial).toBe(index + 1)
        expect(best).toBe((isUp ? Math.max : Math.min)(...values.slice(0, index + 1)))
      }
    }),
  )
})

test('the best of several runs is their mean, as far as all went, within its interval', () => {
  const run = (...values: number[]) => ({
    goal: 'minimize' as const,
    trials: completed(values.map((value) => [{}, value])),
  })
  const line = bestOfRuns([run(5, 1), run(3, 4, 0), run(4, 2)])
  expect(line.map(({ trials, mean }) => [trials, mean])).toEqual([
    [1, 4],
    [2, 2],
  ])
  for (const { low, mean, high } of line) expect(low < mean && mean < high).toBe(true)
  expect(line[0]!.low).toBeGreaterThanOrEqual(3)
  expect(bestOfRuns([run(5, 1)])).toEqual([
    { trials: 1, mean: 5, low: 5, high: 5 },
    { trials: 2, mean: 1, low: 1, high: 1 },
  ])
  expect(bestOfRuns([])).toEqual([])
})

test('bars of one lane never overlap, and there are as many lanes as ran at once', () => {
  const trial = fc
    .record({ start: fc.integer({ min: 0, max: 30 }), length: fc.integer({ min: 0, max: 12 }) })
    .map(({ start, length }) => ({ start, end: start + length }))
  fc.assert(
    fc.property(fc.array(trial, { maxLength: 12 }), (spans) => {
      const timed = spans.map(
        ({ start, end }, number): TimedTrial => ({ number, state: 'completed', startedMs: start, endedMs: end }),
      )
      const { bars, lanes } = timeline(timed, 100)
      expect(bars).toHaveLength(spans.length)
      for (const a of bars)
        for (const b of bars)
          if (a !== b && a.lane === b.lane) expect(a.endMs <= b.startMs || b.endMs <= a.startMs).toBe(true)
      const inside = (ms: number) => spans.filter(({ start, end }) => start <= ms && ms < end).length
      const most = Math.max(0, ...spans.map(({ start }) => inside(start)))
      expect(lanes).toBeGreaterThanOrEqual(most)
      if (spans.every(({ start, end }) => end > start)) expect(lanes).toBe(most)
    }),
  )
})

test('what runs still goes on to now, what waits has no bar, and no bar runs backwards', () => {
  const trials: TimedTrial[] = [
    { number: 1, state: 'running', startedMs: 5, endedMs: null },
    { number: 2, state: 'queued', startedMs: null, endedMs: null },
    { number: 3, state: 'failed', startedMs: 8, endedMs: 6 },
  ]
  expect(timeline(trials, 20).bars.map(({ trial, startMs, endMs }) => [trial, startMs, endMs])).toEqual([
    [1, 5, 20],
    [3, 8, 8],
  ])
})

test('curves of a group are summed up step by step, straight between reports, never beyond an end', () => {
  const [group, other] = groupCurves([
    { trial: 1, group: 'a', steps: [0, 2, 4], values: [4, 2, 0] },
    { trial: 2, group: 'a', steps: [0, 1, 2, 3], values: [8, Number.NaN, 6, Number.POSITIVE_INFINITY] },
    { trial: 3, group: 'b', steps: [], values: [] },
    { trial: 4, group: 'a', steps: [1], values: [7] },
  ])
  expect(group!.trials).toBe(3)
  expect(group!.points.map(({ step, count, median }) => [step, count, median])).toEqual([
    [0, 2, 6],
    [1, 3, 7],
    [2, 2, 4],
    [4, 1, 0],
  ])
  expect(group!.points[1]).toMatchObject({ lowerQuartile: 5, upperQuartile: 7 })
  expect(other).toEqual({ group: 'b', trials: 1, points: [] })
})
