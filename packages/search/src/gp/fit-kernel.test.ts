import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { fitKernel, negativeLogPosterior, type Sample } from './fit-kernel.ts'

/** Random configs of numbers, of which some are inactive, and choices, with targets of some function. */
function sampleOf(
  isChoice: readonly boolean[],
  count: number,
  targetOf: (point: Float64Array) => number,
  inactiveShare = 0,
): Sample {
  const rng = rngFor(5, count)
  const points = Array.from({ length: count }, () =>
    Float64Array.from(isChoice, (is) => (rng.float() < inactiveShare ? Number.NaN : is ? rng.int(0, 2) : rng.float())),
  )
  const raw = points.map(targetOf)
  const mean = raw.reduce((sum, y) => sum + y, 0) / count
  const deviation = Math.sqrt(raw.reduce((sum, y) => sum + (y - mean) ** 2, 0) / count)
  return { isChoice, points, targets: Float64Array.from(raw, (y) => (y - mean) / deviation) }
}

test('the gradient is that of the value, with choices and inactive parameters', () => {
  const rng = rngFor(2, 0)
  const variances = Float64Array.from({ length: 12 }, (_, i) => i / 12)
  const sample = { ...sampleOf([false, true, false, true], 12, () => rng.normal(), 0.2), variances }
  const objective = negativeLogPosterior(sample)
  for (let repeat = 0; repeat < 5; repeat += 1) {
    const logs = Float64Array.from({ length: 7 }, () => -1 + rng.normal())
    const gradient = new Float64Array(7)
    objective(logs, gradient)
    const kept = gradient.slice()
    for (const k of logs.keys()) {
      const at = (shift: number) =>
        objective(
          logs.map((x, index) => (index === k ? x + shift : x)),
          gradient,
        )
      expect((at(1e-5) - at(-1e-5)) / 2e-5).toBeCloseTo(kept[k]!, 5)
    }
  }
})

test('the value is the density of a normal sample of one and two, worked out by hand', () => {
  // Lengthscale prior: mode e^(sqrt 2 - 3); variances 1 and 1, noise 1, mean variance 1.
  const logs = new Float64Array(4)
  const priors = 0.5 * (3 - Math.SQRT2) ** 2 + 1 + 1 + 5
  const one = negativeLogPosterior({ isChoice: [false], points: [Float64Array.of(0)], targets: Float64Array.of(2) })
  expect(one(logs, new Float64Array(4))).toBeCloseTo(0.5 * (4 / 4) + 0.5 * Math.log(4) + priors, 12)
  const two = negativeLogPosterior({
    isChoice: [true],
    points: [Float64Array.of(0), Float64Array.of(1)],
    targets: Float64Array.of(1, -1),
  })
  // At distance 1 both kernels are 0.5240; the sum and the difference of the two have variances 2 (4 +- covariance).
  const covariance = 1 + 2 * (1 + Math.sqrt(5) + 5 / 3) * Math.exp(-Math.sqrt(5))
  const expected = 0.5 * (4 / (2 * (4 - covariance))) + 0.5 * Math.log((4 + covariance) * (4 - covariance))
  expect(two(logs, new Float64Array(4))).toBeCloseTo(expected + priors, 12)
})

test('a parameter that matters gets a shorter lengthscale than those that do not', () => {
  const { lengthscales } = fitKernel(sampleOf([false, false, true], 40, ([x]) => Math.sin(8 * x!)))
  expect(lengthscales[0]! * 3).toBeLessThan(lengthscales[1]!)
  expect(lengthscales[0]! * 3).toBeLessThan(lengthscales[2]!)
})

test('what parameters do by themselves is told from what they do together', () => {
  const alone = fitKernel(sampleOf([false, false], 40, ([x, y]) => Math.sin(9 * x!) + Math.cos(9 * y!)))
  const together = fitKernel(sampleOf([false, false], 40, ([x, y]) => Math.sin(9 * x!) * Math.cos(9 * y!)))
  expect(alone.additive / alone.joint).toBeGreaterThan(3 * (together.additive / together.joint))
})

test('noise is told from structure', () => {
  const rng = rngFor(8, 0)
  const smooth = fitKernel(sampleOf([false, false], 40, ([x, y]) => x! * x! + y!))
  const noisy = fitKernel(sampleOf([false, false], 40, ([x]) => x! + rng.normal()))
  expect(smooth.noise).toBeLessThan(0.001)
  expect(noisy.noise).toBeGreaterThan(0.2)
})

test('targets that are all the same leave a kernel to work with', () => {
  const { targets, ...rest } = sampleOf([false, true], 10, ([x]) => x!)
  const { lengthscales, additive, joint, noise } = fitKernel({ ...rest, targets: targets.fill(0) })
  for (const one of [...lengthscales, additive, joint, noise]) expect(one).toBeGreaterThan(0)
})
