import fc from 'fast-check'
import { expect, test } from 'vitest'
import { normalProbability } from '../space/normal-probability.ts'
import { deviation, startGaussian } from './gaussian.ts'
import { withMargin } from './margin.ts'
import { strategyOf } from './strategy.ts'

const strategy = strategyOf(2, 6)
const of = (x: number, sigma: number) => startGaussian(Float64Array.of(x, 0.5), sigma, strategy)

test('the values beside that of the mean keep their probability, and continuous coordinates stay as they are', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, min: 0.3001, max: 0.3999 }),
      fc.integer({ min: -6, max: -1 }),
      fc.constantFrom(0.02, 0.1, 0.2),
      (x, exponent, alpha) => {
        const cell = { low: 0.3, high: 0.4 }
        const after = withMargin(of(x, 10 ** exponent), [cell, undefined], alpha)
        const [mean, spread] = [after.mean[0]!, deviation(after, 0)]
        expect(mean).toBeGreaterThanOrEqual(0.3)
        expect(mean).toBeLessThanOrEqual(0.4)
        expect(normalProbability((0.3 - mean) / spread)).toBeGreaterThan(alpha / 2 - 1e-6)
        expect(normalProbability((mean - 0.4) / spread)).toBeGreaterThan(alpha / 2 - 1e-6)
        expect([after.mean[1], deviation(after, 1)]).toEqual([0.5, 10 ** exponent])
      },
    ),
  )
})

test('what one side gains the others give, by what they have to spare', () => {
  const after = withMargin(of(0.302, 0.01), [{ low: 0.3, high: 0.4 }, undefined], 0.2)
  const [mean, spread] = [after.mean[0]!, deviation(after, 0)]
  expect(normalProbability((mean - 0.4) / spread)).toBeCloseTo(0.1, 6)
  // 0.4207 before: less 0.1 / 0.8 of the 0.3207 that it had to spare.
  expect(normalProbability((0.3 - mean) / spread)).toBeCloseTo(0.3806478, 6)
})

test.each([
  [{ low: 0, high: 0.2 }, 0.05, 0.2],
  [{ low: 0.8, high: 1 }, 0.95, 0.8],
])('at an end of the axis the mean moves near to the only neighbour', (cell, x, edge) => {
  const after = withMargin(of(x, 1e-3), [cell, undefined], 0.1)
  expect(normalProbability(-Math.abs(after.mean[0]! - edge) / deviation(after, 0))).toBeCloseTo(0.1, 10)
  expect(after.mean[0]! > cell.low && after.mean[0]! < cell.high).toBe(true)
  expect(deviation(after, 0)).toBe(1e-3)
})

test('a distribution that is wide enough is left alone', () => {
  const wide = of(0.35, 0.2)
  expect(withMargin(wide, [{ low: 0.3, high: 0.4 }, undefined], 0.1)).toBe(wide)
})
