import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { factor, factorRow, invert, solveLower, solveUpper, triangle } from './cholesky.ts'

/** B B^T + I, the lower triangle, and its entries by row and column. */
function positive(seed: number, n: number) {
  const rng = rngFor(seed, n)
  const b = Array.from({ length: n }, () => Array.from({ length: n }, () => rng.normal()))
  const at = (i: number, j: number) => b[i]!.reduce((sum, x, k) => sum + x * b[j]![k]!, i === j ? 1 : 0)
  const rows = triangle(n)
  for (const [i, row] of rows.entries()) for (let j = 0; j <= i; j += 1) row[j] = at(i, j)
  return { rows, at }
}

const cases = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 11 }))

test('the factor times its transpose is the matrix', () => {
  fc.assert(
    fc.property(cases, ([seed, n]) => {
      const { rows, at } = positive(seed, n)
      expect(factor(rows)).toBe(true)
      for (let i = 0; i < n; i += 1) {
        for (let j = 0; j <= i; j += 1) {
          const product = rows[j]!.reduce((sum, x, k) => sum + x * rows[i]![k]!, 0)
          expect(product).toBeCloseTo(at(i, j), 9)
        }
      }
    }),
  )
})

test('solving below and above gives the solution of the whole, and the inverse its columns', () => {
  fc.assert(
    fc.property(cases, ([seed, n]) => {
      const { rows, at } = positive(seed, n)
      factor(rows)
      const inverse = triangle(n)
      invert(rows, inverse)
      for (let column = 0; column < n; column += 1) {
        const x = Float64Array.from({ length: n }, (_, i) => (i === column ? 1 : 0))
        solveLower(rows, x)
        solveUpper(rows, x)
        for (let i = 0; i < n; i += 1) {
          const product = x.reduce((sum, value, j) => sum + at(i, j) * value, 0)
          expect(product).toBeCloseTo(i === column ? 1 : 0, 8)
          expect(inverse[Math.max(i, column)]![Math.min(i, column)]).toBeCloseTo(x[i]!, 9)
        }
      }
    }),
  )
})

test('a row more extends a factor as if all had been factored at once', () => {
  const { rows } = positive(3, 9)
  const whole = rows.map((row) => row.slice())
  factor(whole)
  const grown = rows.slice(0, 8).map((row) => row.slice())
  factor(grown)
  grown.push(rows[8]!.slice())
  expect(factorRow(grown, 8)).toBe(true)
  expect(grown).toEqual(whole)
})

test('a matrix that is not positive definite is refused', () => {
  expect(factor([Float64Array.of(1), Float64Array.of(1, 1)])).toBe(false)
  expect(factor([Float64Array.of(1), Float64Array.of(2, 1)])).toBe(false)
  expect(factor([Float64Array.of(Number.NaN)])).toBe(false)
})
