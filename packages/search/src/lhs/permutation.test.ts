import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { drawHashKey, type HashKey } from '../space-filling/keyed-hash.ts'
import { permuted } from './permutation.ts'

const keys = (count: number): HashKey[] => Array.from({ length: count }, (_, seed) => drawHashKey(rngFor(seed, 0)))
const all = (bits: number, key: HashKey) => Array.from({ length: 2 ** bits }, (_, index) => permuted(index, bits, key))

test('every number below 2^bits comes out once', () => {
  for (let bits = 0; bits <= 13; bits += 1) {
    for (const key of keys(4)) {
      expect(all(bits, key).sort((a, b) => a - b)).toEqual([...Array(2 ** bits).keys()])
    }
  }
  for (const index of [0, 2 ** 31, 2 ** 32 - 1]) {
    const image = permuted(index, 32, keys(1)[0]!)
    expect(image >= 0 && image < 2 ** 32 && Number.isInteger(image)).toBe(true)
  }
})

test('a number goes everywhere about equally often, and so do neighbours together', () => {
  for (const bits of [1, 2, 3, 4, 5]) {
    const size = 2 ** bits
    const images = keys(200 * size).map((key) => [permuted(0, bits, key), permuted(1, bits, key)] as const)
    const squares = (cells: readonly number[], count: number) => {
      const counts = new Array<number>(count).fill(0)
      for (const cell of cells) counts[cell]! += 1
      const expected = cells.length / count
      return counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)
    }
    const alone = images.map(([first]) => first)
    // Chi-square with size - 1 degrees of freedom: four deviations above its mean.
    expect(squares(alone, size)).toBeLessThan(size - 1 + 4 * Math.sqrt(2 * size))
    const distance = images.map(([first, second]) => ((second - first + size) % size) - 1)
    expect(squares(distance, size - 1)).toBeLessThan(size + 4 * Math.sqrt(2 * size))
  }
})

test('four numbers have all 24 orders', () => {
  expect(new Set(keys(2000).map((key) => all(2, key).join())).size).toBe(24)
})
