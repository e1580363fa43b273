import { normalCdf } from './distributions.ts'
import { midRanks, tieSizes } from './ranks.ts'
import type { TestResult } from './t-tests.ts'

/** Up to so many differences, or values in both samples, the distribution is exact. */
const MOST_EXACT = { signedRank: 50, rankSum: 40 }

/**
 * Wilcoxon's signed-rank test for pairs: Wilcoxon 1945, "Individual comparisons by ranking methods", Biometrics Bulletin
 * 1(6). Differences of 0 are dropped, as he did; equal sizes share the mean of their ranks. Up to 50 differences the
 * distribution over all signs of those very ranks is exact, with ties too; beyond, it is the normal one with the
 * correction for ties.
 */
export function signedRank(differences: readonly number[]): TestResult {
  const signed = differences.filter((difference) => difference !== 0)
  if (signed.length === 0) return { statistic: 0, p: null }
  const ranks = midRanks(signed.map(Math.abs))
  const positive = ranks.reduce((sum, rank, index) => sum + (signed[index]! > 0 ? rank : 0), 0)
  const all = ranks.reduce((sum, rank) => sum + rank, 0)
  const statistic = Math.min(positive, all - positive)
  if (signed.length > MOST_EXACT.signedRank) {
    const variance = ranks.reduce((sum, rank) => sum + rank ** 2 / 4, 0)
    return { statistic, p: Math.min(1, 2 * normalCdf((statistic - all / 2) / Math.sqrt(variance))) }
  }
  // Doubled, as ties share ranks with a half.
  const counts = new Float64Array(2 * all + 1)
  counts[0] = 1
  for (const rank of ranks) {
    for (let sum = 2 * all; sum >= 2 * rank; sum -= 1) counts[sum]! += counts[sum - 2 * rank]!
  }
  return { statistic, p: Math.min(1, (2 * upTo(counts, 2 * statistic)) / 2 ** signed.length) }
}

/**
 * The test of Mann and Whitney 1947, "On a test of whether one of two random variables is stochastically larger than the
 * other", Annals of Mathematical Statistics 18(1). Up to 40 values the distribution over all ways to deal those very
 * ranks out is exact, with ties too; beyond, it is the normal one with the corrections for ties and continuity.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): TestResult {
  const pooled = [...first, ...second]
  const ranks = midRanks(pooled)
  const n = pooled.length
  const rankSum = ranks.subarray(0, first.length).reduce((sum, rank) => sum + rank, 0)
  const least = (first.length * (first.length + 1)) / 2
  const statistic = rankSum - least
  const pairs = first.length * second.length
  if (ranks.every((rank) => rank === ranks[0])) return { statistic, p: null }
  const smaller = Math.min(statistic, pairs - statistic)
  if (n > MOST_EXACT.rankSum) {
    const ties = tieSizes(pooled).reduce((sum, size) => sum + size ** 3 - size, 0)
    const deviation = Math.sqrt((pairs / 12) * (n + 1 - ties / (n * (n - 1))))
    return { statistic, p: Math.min(1, 2 * normalCdf((smaller + 0.5 - pairs / 2) / deviation)) }
  }
  const counts = dealings(ranks, first.length)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const tail = Math.min(upTo(counts, 2 * rankSum), total - upTo(counts, 2 * rankSum - 1))
  return { statistic, p: Math.min(1, (2 * tail) / total) }
}

/** By twice the sum of their ranks: in how many ways `size` of the values can be chosen. */
function dealings(ranks: Float64Array, size: number): Float64Array {
  const most = 2 * ranks.reduce((sum, rank) => sum + rank, 0)
  const counts = Array.from({ length: size + 1 }, () => new Float64Array(most + 1))
  counts[0]![0] = 1
  for (const rank of ranks) {
    for (let chosen = size; chosen >= 1; chosen -= 1) {
      const [from, to] = [counts[chosen - 1]!, counts[chosen]!]
      for (let sum = 2 * rank; sum <= most; sum += 1) to[sum]! += from[sum - 2 * rank]!
    }
  }
  return counts[size]!
}

function upTo(counts: Float64Array, sum: number): number {
  return counts.subarray(0, Math.max(0, sum + 1)).reduce((total, count) => total + count, 0)
}
