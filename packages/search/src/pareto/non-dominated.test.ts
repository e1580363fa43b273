import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vectors } from '../testing/loss-vectors.ts'
import { dominates, nonDominatedRanks } from './non-dominated.ts'

/** By the definition: those that only members of earlier fronts dominate. */
function ranksByPeeling(losses: readonly (readonly number[])[]): number[] {
  const ranks = new Array<number>(losses.length)
  for (let rank = 0, left = [...losses.keys()]; left.length > 0; rank += 1) {
    const front = left.filter((i) => left.every((j) => !dominates(losses[j]!, losses[i]!)))
    for (const i of front) ranks[i] = rank
    left = left.filter((i) => !front.includes(i))
  }
  return ranks
}

test('the front comes first, then what only the front dominates', () => {
  const losses = [
    [1, 5],
    [3, 3],
    [5, 1],
    [3, 4],
    [4, 4],
    [6, 6],
  ]
  expect(nonDominatedRanks(losses)).toEqual([0, 0, 0, 1, 2, 3])
})

test('with one objective the ranks are those of the distinct losses', () => {
  expect(nonDominatedRanks([[3], [1], [2], [1]])).toEqual([2, 0, 1, 0])
})

test('the same vector twice has the same rank, and does not dominate itself', () => {
  expect(
    nonDominatedRanks([
      [1, 1],
      [2, 2],
      [1, 1],
      [2, 2],
    ]),
  ).toEqual([0, 1, 0, 1])
})

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  '%s dominates nothing and ranks last',
  (x) => {
    expect(
      nonDominatedRanks([
        [x, 0],
        [9, 9],
        [0, x],
        [8, 8],
      ]),
    ).toEqual([2, 1, 2, 0])
    expect(dominates([x, 0], [9, 9])).toBe(false)
    expect(dominates([9, 9], [x, 0])).toBe(true)
    expect(dominates([x, 0], [x, 1])).toBe(false)
  },
)

test('none and one', () => {
  expect(nonDominatedRanks([])).toEqual([])
  expect(nonDominatedRanks([[2, 3]])).toEqual([0])
  expect(nonDominatedRanks([[Number.NaN, 3]])).toEqual([0])
})

test('ranks are those of the definition, with one to eight objectives', () => {
  fc.assert(
    fc.property(vectors(8), (losses) => {
      expect(nonDominatedRanks(losses)).toEqual(ranksByPeeling(losses))
    }),
    { numRuns: 300 },
  )
})
