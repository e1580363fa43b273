import { mean, sampleVariance } from './describe.ts'

/** How large a difference is, which no p-value says. */
export interface EffectSize {
  /** Mean difference in standard deviations; null where those are 0 or can't be known. */
  readonly cohensD: number | null
  /** From -1 to 1: how much more often the first is above the second than below it. */
  readonly cliffsDelta: number
}

/**
 * Cohen 1988, "Statistical power analysis for the behavioral sciences": for independent samples by the deviation within
 * both (section 2.2), for pairs by that of their differences (d_z, section 2.3.5). Cliff 1993, "Dominance statistics",
 * Psychological Bulletin 114(3).
 */
export function effectSize(first: readonly number[], second: readonly number[], isPaired: boolean): EffectSize {
  const deviation = isPaired ? deviationOfDifferences(first, second) : pooledDeviation(first, second)
  const difference = mean(first) - mean(second)
  return {
    cohensD: deviation > 0 ? difference / deviation : null,
    cliffsDelta: cliffsDelta(first, second),
  }
}

function deviationOfDifferences(first: readonly number[], second: readonly number[]): number {
  return Math.sqrt(sampleVariance(first.map((value, index) => value - second[index]!)))
}

function pooledDeviation(first: readonly number[], second: readonly number[]): number {
  const squares = (values: readonly number[]) => (values.length < 2 ? 0 : sampleVariance(values) * (values.length - 1))
  return Math.sqrt((squares(first) + squares(second)) / (first.length + second.length - 2))
}

function cliffsDelta(first: readonly number[], second: readonly number[]): number {
  let balance = 0
  for (const a of first) for (const b of second) balance += Math.sign(a - b)
  return balance === 0 ? 0 : balance / (first.length * second.length)
}
