import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rngFor } from './rng.ts'

const seeded = () => rngFor(20_261_122, 0, 'test')

test('the sequence is the same on every machine and in every release', () => {
  const rng = rngFor(42, 7, 'random')
  expect(Array.from({ length: 4 }, () => rng.uint32())).toEqual([4152576645, 3951166320, 4016731889, 2155852860])
  expect(rng.float()).toBe(0.7004004905032787)
  expect(rng.normal()).toBe(0.9144229212443995)
  expect(rng.beta(0.5, 2)).toBe(0.00031560447162056897)
  expect(rng.int(-10, 10)).toBe(-4)
})

test('seeds, draws and purposes that differ by one give streams that have nothing in common', () => {
  const first = new Set<number>()
  for (let seed = 0; seed < 30; seed += 1) {
    for (let draw = 0; draw < 30; draw += 1) {
      for (const purpose of ['', 'a', 'b']) first.add(rngFor(seed, draw, purpose).uint32())
    }
  }
  for (const far of [2 ** 32, 2 ** 52]) first.add(rngFor(far, 0).uint32()).add(rngFor(0, far).uint32())
  expect(first.size).toBe(2704)
})

test('floats lie in [0, 1), use all their bits and are uniform', () => {
  const rng = seeded()
  const floats = Array.from({ length: 20_000 }, () => rng.float())
  expect(floats.every((x) => x >= 0 && x < 1)).toBe(true)
  expect(floats.some((x) => (x * 2 ** 53) % 2 === 1)).toBe(true)
  expect(
    chiSquare(
      floats.map((x) => Math.floor(x * 20)),
      20,
    ),
  ).toBeLessThan(43.8)
})

describe('integers', () => {
  test('from a range that does not divide 2^32 are equally likely', () => {
    const rng = seeded()
    // Remainders of 32-bit words would put 2/3 of these below 2^31.
    const wide = Array.from({ length: 10_000 }, () => rng.int(0, 3 * 2 ** 30 - 1))
    expect(
      chiSquare(
        wide.map((x) => Math.floor(x / 2 ** 30)),
        3,
      ),
    ).toBeLessThan(13.8)
    const small = Array.from({ length: 20_000 }, () => rng.int(-3, 6) + 3)
    expect(chiSquare(small, 10)).toBeLessThan(27.9)
  })

  test('lie in their range, both ends included, as wide as it may be', () => {
    const safe = fc.maxSafeInteger()
    fc.assert(
      fc.property(safe, safe, fc.nat(), (a, b, seed) => {
        const [min, max] = a < b ? [a, b] : [b, a]
        const value = rngFor(seed, 0).int(min, max)
        expect(Number.isSafeInteger(value) && value >= min && value <= max).toBe(true)
      }),
    )
    const rng = seeded()
    expect(new Set(Array.from({ length: 50 }, () => rng.int(5, 6)))).toEqual(new Set([5, 6]))
    expect(rng.int(7, 7)).toBe(7)
  })
})

test('normal, gamma and beta have their means and variances', () => {
  const rng = seeded()
  const check = (draw: () => number, mean: number, variance: number) => {
    const values = Array.from({ length: 20_000 }, draw)
    const average = values.reduce((sum, x) => sum + x, 0) / values.length
    const spread = values.reduce((sum, x) => sum + (x - average) ** 2, 0) / values.length
    expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(variance / values.length))
    expect(Math.abs(spread / variance - 1)).toBeLessThan(0.15)
  }
  check(rng.normal, 0, 1)
  for (const shape of [0.3, 1, 7.5]) check(() => rng.gamma(shape), shape, shape)
  for (const [a, b] of [
    [0.5, 0.5],
    [2, 5],
    [30, 1],
  ] as const) {
    check(() => rng.beta(a, b), a / (a + b), (a * b) / ((a + b) ** 2 * (a + b + 1)))
  }
})

test('beta with shapes near 0 is 0 or 1 and never NaN', () => {
  const rng = seeded()
  const values = Array.from({ length: 200 }, () => rng.beta(1e-4, 1e-4))
  expect(values.every((x) => x >= 0 && x <= 1)).toBe(true)
  expect(values.filter((x) => x > 0.5).length).toBeGreaterThan(60)
})

test('a shuffle is a permutation, and leaves its input alone', () => {
  const items = Object.freeze(Array.from({ length: 50 }, (_, index) => index))
  const shuffled = seeded().shuffle(items)
  expect(shuffled).not.toEqual(items)
  expect([...shuffled].sort((a, b) => a - b)).toEqual(items)
})

function chiSquare(cells: readonly number[], count: number): number {
  const counts = new Array<number>(count).fill(0)
  for (const cell of cells) counts[cell]! += 1
  const expected = cells.length / count
  return counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)
}
