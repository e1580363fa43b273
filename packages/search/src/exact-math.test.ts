import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exactExp, exactLog } from './exact-math.ts'

/** Within three units in the last place of the engine's own. */
function near(actual: number, expected: number): boolean {
  return (
    actual === expected ||
    Math.abs(actual - expected) <= 3 * Number.EPSILON * Math.abs(expected) ||
    Math.abs(actual - expected) <= 1e-323
  )
}

test('exp and log agree with the engine to the last bits', () => {
  fc.assert(
    fc.property(fc.double({ min: -760, max: 720, noNaN: true }), (x) => near(exactExp(x), Math.exp(x))),
    {
      numRuns: 3000,
    },
  )
  fc.assert(
    fc.property(fc.double({ min: 0, noNaN: true }), (x) => near(exactLog(x), Math.log(x))),
    { numRuns: 3000 },
  )
  fc.assert(
    fc.property(fc.double({ min: 0.5, max: 2, noNaN: true }), (x) => near(exactLog(x), Math.log(x))),
    {
      numRuns: 3000,
    },
  )
})

test('the ends of their ranges are right', () => {
  expect(exactExp(0)).toBe(1)
  expect(exactExp(710)).toBe(Number.POSITIVE_INFINITY)
  expect(exactExp(-746)).toBe(0)
  expect(exactExp(709.7)).toBeGreaterThan(1e308)
  expect(exactExp(-745.1)).toBe(Number.MIN_VALUE)
  expect(exactExp(Number.NaN)).toBeNaN()
  expect(exactLog(1)).toBe(0)
  expect(exactLog(0)).toBe(Number.NEGATIVE_INFINITY)
  expect(exactLog(-1)).toBeNaN()
  expect(exactLog(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY)
})

test('some values, to the bit', () => {
  expect(exactLog(10)).toBe(Math.LN10)
  expect(exactLog(1e-5)).toBe(-11.512925464970229)
  expect(exactExp(2)).toBe(7.38905609893065)
  expect(exactExp(-11.512925464970229)).toBe(9.999999999999999e-6)
})
