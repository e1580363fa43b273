import fc from 'fast-check'
import { expect, test } from 'vitest'
import { signedRankProbability } from './signed-rank.ts'

/** Of two sorts of maize, in Darwin's "The effects of cross and self fertilisation", as in Fisher and in SciPy's docs. */
const DARWIN = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75]

test("the example of SciPy's documentation comes out", () => {
  expect(signedRankProbability(DARWIN)).toBe(0.0206298828125)
  expect(signedRankProbability(DARWIN.map((difference) => -difference))).toBe(0.982330322265625)
})

test.each([
  [[1, 2, 3], 1 / 8],
  [[1, 2, -3, 4], 5 / 16],
  // Ties and zeros; scipy.stats.wilcoxon(d, alternative='greater', zero_method='zsplit') runs over all sign patterns.
  [[1, 1, 1, 2, -2, 3], 0.140625],
  [[0, 1, 1, -2, 3, 0], 0.25],
  [[5, -1, 2, 2, -2, 7, 8, 0, 3, -3], 0.078125],
  [[0, 0, 0], 1],
  [[], 1],
])('the p-value of %j is %d', (differences, p) => {
  expect(signedRankProbability(differences)).toBe(p)
})

test('beyond 50 differences it is the normal one, as in SciPy', () => {
  const tied = Array.from({ length: 60 }, (_, i) => ((i * i) % 23) - 10.5)
  const spread = Array.from({ length: 60 }, (_, i) => ((i * 37) % 101) - 40.5)
  expect(signedRankProbability(tied)).toBeCloseTo(0.9994871152416194, 12)
  expect(signedRankProbability(spread)).toBeCloseTo(0.01439061311396158, 12)
  expect(signedRankProbability(Array(60).fill(0))).toBe(1)
})

test('where the exact distribution ends, the normal one is near', () => {
  const differences = Array.from({ length: 50 }, (_, i) => ((i * 37) % 101) - 40.5)
  const exact = signedRankProbability(differences)
  // A zero more is ranked below all others and moves the ranks, not what they tell.
  expect(signedRankProbability([...differences, 0])).toBeCloseTo(exact, 2)
})

test('an infinite difference is the largest, and like another', () => {
  const infinite = Number.POSITIVE_INFINITY
  expect(signedRankProbability([1, 2, infinite, infinite])).toBe(1 / 16)
  expect(signedRankProbability([-1, 2, infinite, infinite])).toBe(signedRankProbability([-1, 2, 9, 9]))
})

test('it is the share of all sign patterns that lean as far', () => {
  const differences = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(differences, (list) => {
      const sizes = list.map(Math.abs)
      const rank = (size: number) =>
        sizes.filter((other) => other < size).length + (sizes.filter((other) => other === size).length + 1) / 2
      const lean = (signs: readonly number[]) =>
        signs.reduce((sum, sign, index) => sum + (sizes[index] === 0 ? 0 : sign * rank(sizes[index]!)), 0)
      const patterns = Array.from({ length: 2 ** list.length }, (_, bits) =>
        sizes.map((_, i) => ((bits >> i) & 1) * 2 - 1),
      )
      const seen = lean(list.map(Math.sign))
      const share = patterns.filter((signs) => lean(signs) >= seen).length / patterns.length
      expect(signedRankProbability(list)).toBeCloseTo(share, 12)
    }),
    { numRuns: 60 },
  )
})
