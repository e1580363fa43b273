import fc from 'fast-check'
import { expect, test } from 'vitest'
import { factor, triangle } from './cholesky.ts'
import { matern, maternDecay, maternSlope, squaredDistance } from './kernel.ts'

test('the kernel is the Matern kernel as printed, out to where it is nothing', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 40, noNaN: true }), (r) => {
      const exact = (1 + Math.sqrt(5) * r + (5 / 3) * r * r) * Math.exp(-Math.sqrt(5) * r)
      expect(Math.abs(matern(r * r, maternDecay(r * r)) - exact)).toBeLessThan(1e-13)
    }),
  )
  expect(matern(0, maternDecay(0))).toBe(1)
})

test('its slope is the derivative', () => {
  for (const q of [0.01, 0.3, 1, 5, 60]) {
    const step = 1e-5 * q
    const at = (x: number) => matern(x, maternDecay(x))
    expect(-(at(q + step) - at(q - step)) / (2 * step)).toBeCloseTo(maternSlope(q, maternDecay(q)), 7)
  }
})

test('values of a choice are alike or not, and what is inactive is alike only to itself', () => {
  expect(squaredDistance(true, 2, 2)).toBe(0)
  expect(squaredDistance(true, 2, 0)).toBe(1)
  expect(squaredDistance(true, 2, Number.NaN)).toBe(1)
  expect(squaredDistance(true, Number.NaN, Number.NaN)).toBe(0)
  expect(squaredDistance(false, 0.2, 0.5)).toBeCloseTo(0.09, 15)
  expect(squaredDistance(false, Number.NaN, Number.NaN)).toBe(0)
  expect(squaredDistance(false, 0.5, Number.NaN)).toBe(0.25)
  expect(squaredDistance(false, Number.NaN, 0)).toBe(0.5)
  expect(squaredDistance(false, 1, Number.NaN)).toBe(0.5)
})

test('with inactive parameters the covariance of any points can be factored', () => {
  const coordinate = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(Number.NaN))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(coordinate, coordinate), { maxLength: 14 }),
      fc.double({ min: 0.05, max: 50, noNaN: true }),
      (points, lengthscale) => {
        const rows = triangle(points.length)
        for (const [i, a] of points.entries()) {
          for (const [j, b] of points.slice(0, i + 1).entries()) {
            const q = a.reduce((sum, x, k) => sum + squaredDistance(false, x, b[k]!) / lengthscale ** 2, 0)
            rows[i]![j] = matern(q, maternDecay(q)) + (i === j ? 1e-9 : 0)
          }
        }
        expect(factor(rows)).toBe(true)
      },
    ),
  )
})
