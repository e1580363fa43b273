import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import reference from '../testing/fixtures/statistics.json' with { type: 'json' }
import { ADJUSTMENTS, adjustPs } from './adjust.ts'
import { compactLetters } from './compact-letters.ts'
import { compareGroups } from './compare-groups.ts'

describe.each(ADJUSTMENTS)('%s', (adjustment) => {
  test('is that of statsmodels, in any order', () => {
    const { ps } = reference.adjusted
    const close = (found: readonly number[], expected: readonly number[]) => {
      for (const [index, p] of expected.entries()) expect(found[index]).toBeCloseTo(p, 12)
    }
    close(adjustPs(ps, adjustment), reference.adjusted[adjustment])
    close(adjustPs(ps.toReversed(), adjustment), reference.adjusted[adjustment].toReversed())
  })

  test('never lowers a p-value, keeps their order, and leaves a single one alone', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }), (ps) => {
        const adjusted = adjustPs(ps, adjustment)
        expect(adjusted).toHaveLength(ps.length)
        for (const [i, p] of ps.entries()) {
          expect(adjusted[i]).toBeGreaterThanOrEqual(p)
          expect(adjusted[i]).toBeLessThanOrEqual(1)
          for (const [j, q] of ps.entries()) if (p <= q) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[j]!)
        }
      }),
    )
    expect(adjustPs([0.03], adjustment)).toEqual([0.03])
    expect(adjustPs([], adjustment)).toEqual([])
  })
})

test('groups share a letter exactly when they do not differ', () => {
  const graph = fc
    .integer({ min: 0, max: 6 })
    .chain((count) => fc.tuple(fc.constant(count), fc.array(fc.boolean(), { minLength: 36, maxLength: 36 })))
  fc.assert(
    fc.property(graph, ([count, edges]) => {
      const differ = (a: number, b: number) => edges[Math.min(a, b) * 6 + Math.max(a, b)]!
      const letters = compactLetters(count, differ)
      expect(letters).toHaveLength(count)
      for (let a = 0; a < count; a += 1) {
        expect(letters[a]).not.toBe('')
        for (let b = 0; b < a; b += 1)
          expect([...letters[a]!].some((letter) => letters[b]!.includes(letter))).toBe(!differ(a, b))
      }
    }),
  )
})

test('no letter is used that another one makes needless', () => {
  expect(compactLetters(4, () => false)).toEqual(['a', 'a', 'a', 'a'])
  expect(compactLetters(3, () => true)).toEqual(['a', 'b', 'c'])
  // The middle one differs from neither end.
  expect(compactLetters(3, (a, b) => Math.abs(a - b) > 1)).toEqual(['a', 'ab', 'b'])
  expect(compactLetters(28, () => true).slice(25)).toEqual(['z', '(aa)', '(ab)'])
})

test('groups are ordered by their mean, adjusted for their number, and lettered', () => {
  const noise = [0.01, -0.02, 0.015, 0.005, -0.01, 0.02]
  const around = (middle: number, factor = 1) => noise.map((one, seed) => middle + factor * one + 0.001 * seed)
  const { groups, comparisons } = compareGroups(
    [
      { name: 'slow', values: around(0.9, 0.5) },
      { name: 'good', values: around(0.3) },
      { name: 'also good', values: around(0.31, -1) },
    ],
    { test: 'paired-t' },
  )
  expect(groups.map(({ name, letters }) => [name, letters])).toEqual([
    ['good', 'a'],
    ['also good', 'a'],
    ['slow', 'b'],
  ])
  expect(comparisons).toHaveLength(3)
  for (const { comparison, adjustedP } of comparisons) expect(adjustedP).toBeGreaterThanOrEqual(comparison.p!)
  const least = Math.min(...comparisons.map(({ comparison }) => comparison.p!))
  expect(Math.min(...comparisons.map(({ adjustedP }) => adjustedP!))).toBeCloseTo(3 * least, 12)
})

test('groups without a p-value between them do not count as different', () => {
  const { groups, comparisons } = compareGroups([
    { name: 'a', values: [1, 1, 1, 1, 1] },
    { name: 'b', values: [2, 2, 2, 2, 2] },
  ])
  expect(comparisons[0]).toMatchObject({ adjustedP: null })
  expect(groups.map(({ letters }) => letters)).toEqual(['a', 'a'])
})
