import { expect, test } from 'vitest'
import reference from '../testing/fixtures/statistics.json' with { type: 'json' }
import { betaCdf, normalCdf, studentCdf } from './distributions.ts'
import { powerOf, seedsNeeded } from './power.ts'

test('power is that of statsmodels', () => {
  for (const { effect, seeds, power, ...settings } of reference.power) {
    expect(powerOf(effect, seeds, settings)).toBeCloseTo(power, 7)
    expect(powerOf(-effect, seeds, settings)).toBe(powerOf(effect, seeds, settings))
  }
})

test('as many seeds are needed as statsmodels says', () => {
  for (const { effect, power, isPaired, seeds } of reference.seeds)
    expect(seedsNeeded(effect, power, { isPaired })).toBe(seeds)
})

test('no number of seeds finds a difference that is not there', () => {
  expect(seedsNeeded(0, 0.8)).toBeNull()
  expect(powerOf(0, 10)).toBeCloseTo(0.05, 8)
})

test('the distribution functions are those of SciPy', () => {
  const { normal, student, beta } = reference.distributions
  for (const [z, p] of normal) expect(Math.abs(normalCdf(z!) - p!)).toBeLessThan(1e-14)
  for (const [t, degrees, p] of student) expect(studentCdf(t!, degrees!) / p!).toBeCloseTo(1, 7)
  for (const [x, a, b, p] of beta) expect(betaCdf(x!, a!, b!) / p!).toBeCloseTo(1, 7)
})
