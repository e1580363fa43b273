import { expect, test } from 'vitest'
import { createRng, resample } from './rng.ts'

test('a seed gives its own numbers, evenly spread', () => {
  const draws = (seed: number) => {
    const rng = createRng(seed)
    return Array.from({ length: 4000 }, () => rng.float())
  }
  expect(draws(1)).toEqual(draws(1))
  expect(draws(1)).not.toEqual(draws(2))
  const mean = draws(3).reduce((sum, value) => sum + value / 4000, 0)
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.02)
  // Neighbouring seeds have nothing to do with each other.
  const [a, b] = [draws(4), draws(5)]
  const together = a.reduce((sum, value, index) => sum + (value - 0.5) * (b[index]! - 0.5), 0)
  expect(Math.abs(together / 4000)).toBeLessThan(0.006)
})

test('a resample has places of the original, about 63 % of them', () => {
  const drawn = resample(3000, createRng(1))
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...drawn)).toBeLessThan(3000)
  expect(new Set(drawn).size / 3000).toBeCloseTo(1 - Math.exp(-1), 1.5)
})
