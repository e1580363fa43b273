import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import type { Sample } from './fit-kernel.ts'
import { MEAN_VARIANCE, matern, maternDecay, squaredDistance } from './kernel.ts'
import { Posterior } from './posterior.ts'

const kernel = { lengthscales: Float64Array.of(0.3, 0.8, 1.2), additive: 0.7, joint: 0.4, noise: 0.01 }
const isChoice = [false, false, true]

function randomPoint(rng: ReturnType<typeof rngFor>): Float64Array {
  return Float64Array.of(rng.float(), rng.float() < 0.3 ? Number.NaN : rng.float(), rng.int(0, 2))
}

function sampleOf(count: number): Sample {
  const rng = rngFor(11, count)
  const points = Array.from({ length: count }, () => randomPoint(rng))
  return { isChoice, points, targets: Float64Array.from(points, () => rng.normal()) }
}

function covariance(a: Float64Array, b: Float64Array): number {
  const own = isChoice.map((is, k) => squaredDistance(is, a[k]!, b[k]!) / kernel.lengthscales[k]! ** 2)
  const at = (q: number) => matern(q, maternDecay(q))
  const additive = own.reduce((sum, q) => sum + at(q), 0) / own.length
  return kernel.additive * additive + kernel.joint * at(own.reduce((sum, q) => sum + q, 0)) + MEAN_VARIANCE
}

/** The solution of a dense system, by elimination. */
function solve(matrix: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, b[i]!])
  for (const [i, row] of rows.entries()) {
    for (const other of rows.slice(i + 1)) {
      const factor = other[i]! / row[i]!
      for (let k = i; k <= rows.length; k += 1) other[k]! -= factor * row[k]!
    }
  }
  const x = new Array<number>(rows.length).fill(0)
  for (let i = rows.length - 1; i >= 0; i -= 1) {
    const rest = x.reduce((sum, value, k) => (k > i ? sum - rows[i]![k]! * value : sum), rows[i]![rows.length]!)
    x[i] = rest / rows[i]![i]!
  }
  return x
}

test.each([undefined, Float64Array.from({ length: 15 }, (_, i) => i / 10)])(
  'it predicts what a dense solve predicts, with variances %j',
  (variances) => {
    const sample = { ...sampleOf(15), variances }
    const { points, targets } = sample
    const noiseAt = (i: number) => kernel.noise + (variances?.[i] ?? 0)
    const matrix = points.map((a, i) => points.map((b, j) => covariance(a, b) + (i === j ? noiseAt(i) : 0)))
    const posterior = new Posterior(sample, kernel)
    const rng = rngFor(1, 1)
    for (let repeat = 0; repeat < 10; repeat += 1) {
      const point = randomPoint(rng)
      const cross = points.map((other) => covariance(point, other))
      const dot = (x: readonly number[]) => x.reduce((sum, value, i) => sum + value * cross[i]!, 0)
      const { mean, deviation } = posterior.predict(point)
      expect(mean).toBeCloseTo(dot(solve(matrix, [...targets])), 9)
      expect(deviation ** 2).toBeCloseTo(covariance(point, point) - dot(solve(matrix, cross)), 9)
    }
  },
)

test('without noise it goes through the points, and is sure of them', () => {
  const sample = sampleOf(15)
  const posterior = new Posterior(sample, { ...kernel, noise: 1e-8 })
  for (const [i, point] of sample.points.entries()) {
    const { mean, deviation } = posterior.predict(point)
    expect(mean).toBeCloseTo(sample.targets[i]!, 4)
    expect(deviation).toBeLessThan(1e-3)
  }
})

test('the fitted means are the predictions at the points', () => {
  const sample = { ...sampleOf(12), variances: Float64Array.from({ length: 12 }, (_, i) => i / 5) }
  const posterior = new Posterior(sample, kernel)
  const fitted = posterior.fitted()
  for (const [i, point] of sample.points.entries()) expect(posterior.predict(point).mean).toBeCloseTo(fitted[i]!, 9)
})

test('points added one by one are the same as all at once', () => {
  const sample = sampleOf(12)
  const grown = new Posterior({ ...sample, points: sample.points.slice(0, 5) }, kernel)
  grown.predict(sample.points[0]!)
  for (let i = 5; i < 12; i += 1) grown.add(sample.points[i]!, sample.targets[i]!)
  const point = randomPoint(rngFor(4, 4))
  expect(grown.predict(point)).toEqual(new Posterior(sample, kernel).predict(point))
})

test('an observation that is the mean leaves the mean as it was and makes it surer nearby', () => {
  const posterior = new Posterior(sampleOf(12), kernel)
  const [near, here] = [Float64Array.of(0.52, 0.5, 1), Float64Array.of(0.5, 0.5, 1)]
  const before = posterior.predict(near)
  posterior.add(here, posterior.predict(here).mean)
  expect(posterior.predict(near).mean).toBeCloseTo(before.mean, 9)
  expect(posterior.predict(near).deviation).toBeLessThan(0.5 * before.deviation)
})

test('derivatives by the coordinates are those of the predictions', () => {
  const posterior = new Posterior(sampleOf(12), kernel)
  const rng = rngFor(9, 9)
  const gradient = new Float64Array(3)
  for (let repeat = 0; repeat < 8; repeat += 1) {
    const point = randomPoint(rng)
    // 2 mean - 3 deviation
    posterior.chain(point, posterior.predict(point, true), { byMean: 2, byDeviation: -3 }, gradient)
    const at = (k: number, shift: number) => {
      const { mean, deviation } = posterior.predict(point.map((x, index) => (index === k ? x + shift : x)))
      return 2 * mean - 3 * deviation
    }
    for (const k of [0, 1]) {
      const slope = Number.isNaN(point[k]!) ? 0 : (at(k, 1e-5) - at(k, -1e-5)) / 2e-5
      expect(gradient[k]).toBeCloseTo(slope, 5)
    }
    expect(gradient[2]).toBe(0)
  }
})

test('the same point over and over does not break it', () => {
  const points = Array.from({ length: 40 }, () => Float64Array.of(0.5, 0.5, 0))
  const sample = { isChoice, points, targets: new Float64Array(40).fill(1) }
  const posterior = new Posterior(sample, { ...kernel, noise: 1e-16 })
  expect(posterior.predict(points[0]!).mean).toBeCloseTo(1, 3)
})
