import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { deviation, drawStep, type Gaussian, scaled, startGaussian, updated, whiten } from './gaussian.ts'
import { type Strategy, strategyOf } from './strategy.ts'

const meansOf = (strategy: Strategy) => strategy.weights.map((weight) => Math.max(0, weight))

/** Generations of the plain algorithm; returns the distribution at the end. */
function evolved(size: number, generations: number, loss: (x: Float64Array) => number): Gaussian {
  const strategy = strategyOf(size, 12)
  let gaussian = startGaussian(new Float64Array(size).fill(0.5), 0.2, strategy)
  for (let g = 0; g < generations; g += 1) {
    const rng = rngFor(3, g)
    const points = Array.from({ length: 12 }, () =>
      drawStep(gaussian, rng).map((step, i) => gaussian.mean[i]! + gaussian.sigma * step),
    ).sort((a, b) => loss(a) - loss(b))
    gaussian = updated(gaussian, strategy, points, strategy.weights, meansOf(strategy))
  }
  return gaussian
}

test('the weights of the tutorial for ten coordinates', () => {
  const { weights, muEff } = strategyOf(10, 10)
  expect(muEff).toBeCloseTo(3.167, 3)
  expect([...weights.subarray(0, 5)].map((weight) => weight.toFixed(3))).toEqual([
    '0.456',
    '0.271',
    '0.162',
    '0.085',
    '0.026',
  ])
  expect(weights.subarray(5).every((weight) => weight < 0)).toBe(true)
  // The smallest of the three bounds, here 1 + c1 / cMu.
  expect(weights.subarray(5).reduce((sum, weight) => sum - weight, 0)).toBeCloseTo(1.648946, 6)
})

test('steps have the covariance that is stated, and whitening undoes it', () => {
  // The level sets become long and slanted, and the distribution with them.
  const gaussian = evolved(2, 30, ([x = 0, y = 0]) => (x - y) ** 2 + 0.01 * (x + y) ** 2)
  const [cxx, cxy, cyx, cyy] = gaussian.covariance
  expect(cxy).toBe(cyx)
  const sums = [0, 0, 0]
  const count = 20_000
  const rng = rngFor(1, 0)
  for (let i = 0; i < count; i += 1) {
    const y = drawStep(gaussian, rng)
    sums[0]! += (y[0]! * y[0]!) / count
    sums[1]! += (y[0]! * y[1]!) / count
    sums[2]! += (y[1]! * y[1]!) / count
    const white = whiten(gaussian, y)
    if (i === 0) {
      const determinant = cxx! * cyy! - cxy! * cxy!
      const mahalanobis = (cyy! * y[0]! ** 2 - 2 * cxy! * y[0]! * y[1]! + cxx! * y[1]! ** 2) / determinant
      expect(white[0]! ** 2 + white[1]! ** 2).toBeCloseTo(mahalanobis, 8)
    }
  }
  for (const [index, entry] of [cxx!, cxy!, cyy!].entries())
    expect(Math.abs(sums[index]! / entry - 1)).toBeLessThan(0.05)
  expect(cxy! / Math.sqrt(cxx! * cyy!)).toBeGreaterThan(0.8)
})

for (const size of [8, 61]) {
  test(`with ${size} coordinates it finds the minimum of an ellipsoid`, () => {
    const loss = (x: Float64Array) => x.reduce((sum, xi, i) => sum + (1 + (9 * i) / (size - 1)) * (xi - 0.4) ** 2, 0)
    const gaussian = evolved(size, size === 8 ? 100 : 400, loss)
    // It starts at 0.44 and 3.3.
    expect(loss(gaussian.mean)).toBeLessThan(1e-4)
    expect(gaussian.covariance.length).toBe(size === 8 ? 64 : 61)
  })
}

test('a point from far outside is pulled in to what the distribution gives', () => {
  const strategy = strategyOf(4, 8)
  const start = startGaussian(new Float64Array(4).fill(0.5), 0.01, strategy)
  const near = Array.from({ length: 7 }, () => new Float64Array(4).fill(0.5))
  const far = new Float64Array(4).fill(0.9)
  const after = updated(start, strategy, [far, ...near], strategy.weights, meansOf(strategy))
  const moved = Math.hypot(...after.mean.map((m) => (m - 0.5) / 0.01))
  // sqrt(n) + 2 n / (n + 2) times the weight of the best.
  expect(moved).toBeCloseTo((2 + 8 / 6) * strategy.weights[0]!, 10)
  expect(after.sigma).toBeLessThan(0.01 * Math.E)
})

test('while the mean runs off, the step size grows and the path that shapes C waits', () => {
  const strategy = strategyOf(4, 8)
  const start = startGaussian(new Float64Array(4).fill(0.5), 0.01, strategy)
  const after = (distance: number) => {
    const points = Array.from({ length: 8 }, () => Float64Array.of(0.5 + 0.01 * distance, 0.5, 0.5, 0.5))
    return updated(start, strategy, points, strategy.weights, meansOf(strategy))
  }
  expect(after(3).sigma).toBeGreaterThan(0.01)
  expect([...after(3).covariancePath]).toEqual([0, 0, 0, 0])
  expect(after(0.5).sigma).toBeLessThan(0.01)
  expect(after(0.5).covariancePath[0]).toBeGreaterThan(0)
})

test('scaling widens single coordinates', () => {
  const strategy = strategyOf(3, 7)
  const start = startGaussian(new Float64Array(3).fill(0.5), 0.1, strategy)
  const wide = scaled(start, Float64Array.of(1, 2, 5))
  expect([0, 1, 2].map((index) => deviation(wide, index))).toEqual([0.1, 0.2, 0.5])
})
