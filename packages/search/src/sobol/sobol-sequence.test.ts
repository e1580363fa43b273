import { expect, test } from 'vitest'
import { JOE_KUO } from './joe-kuo.ts'
import { SOBOL_DIMENSIONS, sobolDigits } from './sobol-sequence.ts'

const at = (dimension: number, index: number) => sobolDigits(dimension, index) / 2 ** 32
const points = (dimension: number, count: number) => Array.from({ length: count }, (_, index) => at(dimension, index))
const dimensions = Array.from({ length: SOBOL_DIMENSIONS }, (_, dimension) => dimension)

test('the first points are those of SciPy', () => {
  // scipy.stats.qmc.Sobol(128, scramble=False).random(8), whose Gray code order swaps points 2 and 3, and 4 to 7.
  expect(points(0, 8)).toEqual([0, 0.5, 0.25, 0.75, 0.125, 0.625, 0.375, 0.875])
  expect(points(1, 8)).toEqual([0.0, 0.5, 0.75, 0.25, 0.625, 0.125, 0.375, 0.875])
  expect(points(2, 8)).toEqual([0.0, 0.5, 0.75, 0.25, 0.375, 0.875, 0.625, 0.125])
  expect(points(9, 8)).toEqual([0.0, 0.5, 0.25, 0.75, 0.875, 0.375, 0.625, 0.125])
  expect(points(127, 8)).toEqual([0.0, 0.5, 0.75, 0.25, 0.375, 0.875, 0.625, 0.125])
  expect(at(127, 1023)).toBe(0.1826171875)
})

test('the table has primitive polynomials, each once, and odd initial numbers of the right size', () => {
  expect(SOBOL_DIMENSIONS).toBe(128)
  const polynomials = JOE_KUO.map(({ inner, initial }) => 2 ** initial.length + 2 * inner + 1)
  expect(new Set(polynomials).size).toBe(127)
  for (const [line, { initial }] of JOE_KUO.entries()) {
    expect(orderOfX(polynomials[line]!, initial.length)).toBe(2 ** initial.length - 1)
    expect(initial.every((m, i) => m % 2 === 1 && m < 2 ** (i + 1))).toBe(true)
  }
})

test('in every dimension 2^m points from a multiple of 2^m on hit every interval of length 2^-m once', () => {
  for (const dimension of dimensions) {
    for (const [m, first] of [
      [1, 0],
      [5, 0],
      [5, 96],
      [10, 0],
      [10, 5 * 1024],
    ] as const) {
      const cells = Array.from({ length: 2 ** m }, (_, index) => Math.floor(at(dimension, first + index) * 2 ** m))
      expect(new Set(cells).size).toBe(2 ** m)
    }
  }
})

test('the first two dimensions are a (0, 2)-sequence: every box of area 2^-m is hit once', () => {
  for (let m = 1; m <= 9; m += 1) for (let k = 0; k <= m; k += 1) expect(boxesHit(0, 1, m, k)).toBe(2 ** m)
})

test('pairs of the first dimensions have no large gaps', () => {
  // t of a pair: boxes of area 2^(t - m) all have the same number of points. Sobol' 1967 bounds it by the degrees.
  for (let a = 0; a < 8; a += 1) {
    for (let b = a + 1; b < 8; b += 1) {
      const degree = (d: number) => (d === 0 ? 1 : JOE_KUO[d - 1]!.initial.length)
      const m = 10
      const t = degree(a) + degree(b) - 2
      for (let k = 0; k <= m - t; k += 1) expect(boxesHit(a, b, m, k, t)).toBe(2 ** (m - t))
    }
  }
})

/** How many of the boxes of area 2^(t - m), 2^-k wide, the first 2^m points hit. */
function boxesHit(a: number, b: number, m: number, k: number, t = 0): number {
  const boxes = new Set<number>()
  for (let index = 0; index < 2 ** m; index += 1) {
    boxes.add(Math.floor(at(a, index) * 2 ** k) * 2 ** (m - t) + Math.floor(at(b, index) * 2 ** (m - t - k)))
  }
  return boxes.size
}

/** The least n > 0 with x^n = 1 modulo a polynomial over two elements. */
function orderOfX(polynomial: number, degree: number): number {
  let power = 1
  for (let n = 1; n < 2 ** degree; n += 1) {
    power <<= 1
    if (power >>> degree) power ^= polynomial
    if (power === 1) return n
  }
  return 0
}
