import fc from 'fast-check'
import { expect, test } from 'vitest'
import { logExpectedImprovement } from './expected-improvement.ts'

/** The mean of max(0, best - y) over normal y, by Simpson's rule below best. */
function integrated(mean: number, deviation: number, best: number): number {
  const from = Math.min(best, mean) - 12 * deviation
  const count = 4000
  const width = (best - from) / count
  const at = (y: number) =>
    ((best - y) * Math.exp(-0.5 * ((y - mean) / deviation) ** 2)) / (deviation * Math.sqrt(2 * Math.PI))
  let sum = at(from) + at(best)
  for (let i = 1; i < count; i += 1) sum += (i % 2 === 1 ? 4 : 2) * at(from + i * width)
  return (sum * width) / 3
}

test('it is the expectation it is named after', () => {
  for (const z of [-7, -4, -2.6, -2.4, -1, 0, 0.5, 3, 8]) {
    for (const deviation of [0.01, 1, 30]) {
      const mean = 2 - z * deviation
      const { log } = logExpectedImprovement({ mean, deviation }, 2)
      expect(log).toBeCloseTo(Math.log(integrated(mean, deviation, 2)), 7)
    }
  }
})

test('its derivatives are those of its values, also where the improvement is below the smallest double', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double({ min: -5, max: 5, noNaN: true }), fc.double({ min: -300, max: 30, noNaN: true })),
      fc.double({ min: 0.01, max: 10, noNaN: true }),
      (z, deviation) => {
        const mean = -z * deviation
        const step = 1e-5 * deviation
        const log = (m: number, d: number) => logExpectedImprovement({ mean: m, deviation: d }, 0).log
        const { byMean, byDeviation } = logExpectedImprovement({ mean, deviation }, 0)
        const scale = 1e-5 * (1 + Math.abs(z) ** 2)
        const slope = (up: number, down: number) => (up - down) / 2e-5
        expect(
          Math.abs(slope(log(mean + step, deviation), log(mean - step, deviation)) - byMean * deviation),
        ).toBeLessThan(scale)
        expect(
          Math.abs(slope(log(mean, deviation + step), log(mean, deviation - step)) - byDeviation * deviation),
        ).toBeLessThan(scale)
      },
    ),
  )
})

test('far out it goes on as its tail does', () => {
  // log(phi(z) / z^2), to the first order.
  const { log } = logExpectedImprovement({ mean: 1e5, deviation: 1 }, 0)
  expect(log / (-0.5e10 - 0.5 * Math.log(2 * Math.PI) - 2 * Math.log(1e5))).toBeCloseTo(1, 9)
})
