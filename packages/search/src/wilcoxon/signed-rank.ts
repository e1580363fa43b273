import { normalProbability } from '../space/normal-probability.ts'

/** Up to here the distribution is exact: counts of 2^50 sign patterns are still whole numbers in a double. */
const MOST_EXACT = 50

/**
 * The one-sided p-value of Wilcoxon's signed-rank test: how likely differences are to lie as far above zero as these,
 * if each was as likely to be of the other sign. Wilcoxon 1945, "Individual comparisons by ranking methods", Biometrics
 * Bulletin 1(6).
 *
 * Equal sizes share the mean of their ranks, and a zero gives half its rank to either side ("zsplit" in SciPy). Up to 50
 * differences the distribution given those ranks is exact, as SciPy's is up to 13, or 50 without ties and zeros; beyond,
 * it is the normal one of the same mean and variance, without a correction for continuity. The ranks of zeros have no
 * part in that variance, as their side is not left to chance; in SciPy they have.
 *
 * @param differences not NaN; Infinity is larger than every number, and equal to itself
 */
export function signedRankProbability(differences: readonly number[]): number {
  const ranks = doubledRanks(differences)
  let positive = 0
  const signed: number[] = []
  for (const [index, difference] of differences.entries()) {
    const rank = ranks[index]!
    if (difference !== 0) signed.push(rank)
    if (difference > 0) positive += rank
  }
  // Both what was seen and what could have been seen have half the ranks of the zeros, so they fall out.
  return differences.length <= MOST_EXACT ? exactTail(signed, positive) : normalTail(signed, positive)
}

/** Twice the rank of each by size, from 1, as equal sizes share a mean that may be half a number. */
function doubledRanks(differences: readonly number[]): number[] {
  const order = Array.from(differences.keys()).sort((a, b) => sizeOrder(differences[a]!, differences[b]!))
  const ranks: number[] = Array(differences.length).fill(0)
  for (let first = 0; first < order.length; ) {
    let end = first + 1
    while (end < order.length && sizeOrder(differences[order[first]!]!, differences[order[end]!]!) === 0) end += 1
    for (let place = first; place < end; place += 1) ranks[order[place]!] = first + 1 + end
    first = end
  }
  return ranks
}

function sizeOrder(a: number, b: number): number {
  const [first, second] = [Math.abs(a), Math.abs(b)]
  return first === second ? 0 : first < second ? -1 : 1
}

/** The share of all sign patterns in which the ranks with a plus add up to at least `sum`. */
function exactTail(ranks: readonly number[], sum: number): number {
  const most = ranks.reduce((total, rank) => total + rank, 0)
  const counts = new Float64Array(most + 1)
  counts[0] = 1
  let reached = 0
  for (const rank of ranks) {
    reached += rank
    for (let total = reached; total >= rank; total -= 1) counts[total]! += counts[total - rank]!
  }
  let beyond = 0
  for (let total = sum; total <= most; total += 1) beyond += counts[total]!
  return beyond / 2 ** ranks.length
}

function normalTail(ranks: readonly number[], sum: number): number {
  let mean = 0
  let variance = 0
  for (const rank of ranks) {
    mean += rank / 2
    variance += (rank / 2) * (rank / 2)
  }
  return variance === 0 ? 1 : normalProbability((mean - sum) / Math.sqrt(variance))
}
