import { exactExp } from '../exact-math.ts'

const SQRT_2_PI = 2.5066282746310002
/** Beyond, the tail is below the last bit of 1. */
const FURTHEST = 8.3

/**
 * The standard normal distribution function, by the series of Marsaglia 2004 ("Evaluating the normal distribution",
 * J. Stat. Softw. 11(4)): sums and products alone, so the same on every machine. Absolute error below 1e-15.
 */
export function normalProbability(z: number): number {
  if (!(z > -FURTHEST)) return 0
  if (z > FURTHEST) return 1
  const square = z * z
  let term = z
  let sum = z
  for (let i = 3; sum + term !== sum; i += 2) {
    term *= square / i
    sum += term
  }
  // Far down, what is left of the difference is rounding.
  return Math.max(0, 0.5 + (sum * exactExp(-0.5 * square)) / SQRT_2_PI)
}

const CELLS = 8192
const table = new Float64Array(CELLS + 1)
for (let i = 0; i <= CELLS; i += 1) table[i] = normalProbability(FURTHEST * ((2 * i) / CELLS - 1))

/** The same to 2e-7, read off a table, where it is wanted many thousand times a suggestion. */
export function nearNormalProbability(z: number): number {
  if (!(z > -FURTHEST)) return 0
  if (z >= FURTHEST) return 1
  const place = ((z / FURTHEST + 1) / 2) * CELLS
  const cell = Math.floor(place)
  return table[cell]! + (place - cell) * (table[cell + 1]! - table[cell]!)
}
