import type { SearchSpace } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { type Axis, axisOf } from '../space/axis.ts'
import { spaceOf } from '../testing/spaces.ts'
import { type Observed, ParzenEstimator } from './parzen.ts'

const axesOf = ({ parameters }: SearchSpace): Axis[] => parameters.map((parameter) => axisOf(parameter)!)

const plane = axesOf(
  spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 }),
)
const line = plane.slice(0, 1)
const letters = axesOf(spaceOf({ name: 'c', type: 'choice', values: ['p', 'q', 'r', 's'] }))

const at = (...coordinates: number[]): Observed => ({ coordinates: Float64Array.from(coordinates), weight: 1 })
const density = (estimator: ParzenEstimator, ...x: number[]) => Math.exp(estimator.logDensity(Float64Array.from(x)))

test('a density is narrow where the configs agree and wide where they do not', () => {
  const observed = [0.1, 0.3, 0.5, 0.7, 0.9].map((y, i) => at(0.5 + i / 100, y))
  const [x, y] = [...new ParzenEstimator(plane, observed).bandwidths] as [number, number]
  expect(x).toBeLessThan(y / 2)
  // Five configs and the prior: 0.75 sqrt((0.4 + 1/12) / 6) 5^(-1/6).
  expect(y).toBeCloseTo(0.1628, 4)
})

test('configs that are all the same leave it some width, the less the more they are', () => {
  const widthOf = (count: number) => new ParzenEstimator(line, Array(count).fill(at(0.5))).bandwidths[0]!
  const widths = [1, 2, 4, 8, 16].map(widthOf)
  expect(widths.toSorted((a, b) => b - a)).toEqual(widths)
  expect(new Set(widths).size).toBe(5)
  expect(widths.at(-1)).toBeGreaterThan(0.02)
  expect(widths[0]).toBeLessThan(0.2)
})

test('a config counts in the width by its weight, and not where it has no value or a width of its own', () => {
  const width = (...observed: Observed[]) => new ParzenEstimator(line, observed).bandwidths[0]!
  const own = { ...at(0.9), sigmas: Float64Array.of(0.01) }
  expect(width(at(0.4), at(0.6), at(Number.NaN), own)).toBe(width(at(0.4), at(0.6)))
  expect(width(at(0.6), { ...at(0.4), weight: 2 })).toBeCloseTo(width(at(0.6), at(0.4), at(0.4)), 12)
})

test('another density can have the same bandwidths, and then has its peaks as wide', () => {
  const good = new ParzenEstimator(line, [at(0.2), at(0.25)])
  const others = new ParzenEstimator(line, [at(0.6), at(0.95)], 1, good.bandwidths)
  expect(others.bandwidths).toBe(good.bandwidths)
  const drawn = Array.from({ length: 2000 }, (_, draw) => others.drawCoordinate(0, 0, rngFor(1, draw)))
  const deviation = Math.sqrt(drawn.reduce((sum, x) => sum + (x - 0.6) ** 2, 0) / drawn.length)
  expect(deviation / good.bandwidths[0]!).toBeGreaterThan(0.9)
  expect(deviation / good.bandwidths[0]!).toBeLessThan(1.1)
})

test('a density of numbers integrates to 1, and kernels count by their weight', () => {
  const estimator = new ParzenEstimator(line, [at(0.02), { ...at(0.7), weight: 3 }])
  let total = 0
  for (let i = 0; i < 2000; i += 1) total += density(estimator, (i + 0.5) / 2000) / 2000
  expect(total).toBeCloseTo(1, 4)
  expect(density(estimator, 0.7)).toBeGreaterThan(density(estimator, 0.02))
})

test('a choice is estimated as if each value had been seen half a time more, beside the prior', () => {
  const estimator = new ParzenEstimator(letters, [at(0), at(0), at(2)])
  // Of four equally weighted parts three are the kernels, whose share of p is (2 + 1/2) / (3 + 4/2), and one the prior.
  const shares = [0, 1, 2, 3].map((value) => density(estimator, value) / 4)
  const expected = [2.5, 0.5, 1.5, 0.5].map((seen) => (3 * (seen / 5) + 1 / 4) / 4)
  for (const [value, share] of shares.entries()) expect(share).toBeCloseTo(expected[value]!, 12)
  const drawn = Array.from({ length: 2000 }, (_, draw) => estimator.drawCoordinate(0, 0, rngFor(2, draw)))
  // Of the first kernel 3/5 stay, and 1/4 of the others come back.
  expect(drawn.filter((value) => value === 0).length / 2000).toBeCloseTo(0.7, 1)
})
