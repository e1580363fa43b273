import { expect, test } from 'vitest'
import { nearNormalProbability, normalProbability } from './normal-probability.ts'

test.each([
  // Abramowitz and Stegun 1964, table 26.1.
  [0, 0.5],
  [1, 0.841344746068543],
  [2, 0.977249868051821],
  [-1.96, 0.0249978951482204],
  [5, 0.99999971334842808],
])('the probability below %s is %s', (z, probability) => {
  expect(normalProbability(z)).toBeCloseTo(probability, 14)
  expect(normalProbability(-z)).toBeCloseTo(1 - probability, 14)
})

test('far out it is 0 and 1, and not a number for none', () => {
  expect([-40, 40, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY].map(normalProbability)).toEqual([0, 1, 0, 1])
})

test('the table is never further off than 2e-7, and never falls', () => {
  let before = 0
  for (let z = -9; z <= 9; z += 0.00173) {
    const near = nearNormalProbability(z)
    expect(Math.abs(near - normalProbability(z))).toBeLessThan(2e-7)
    expect(near).toBeGreaterThanOrEqual(before - 1e-15)
    before = near
  }
})
