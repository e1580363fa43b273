export const ADJUSTMENTS = ['holm', 'bonferroni', 'benjamini-hochberg'] as const
export type Adjustment = (typeof ADJUSTMENTS)[number]

/**
 * p-values for many comparisons at once, in the order given: compared with 0.05, `bonferroni` and `holm` (Holm 1979, "A
 * simple sequentially rejective multiple test procedure") keep the chance of any false discovery below it, and
 * `benjamini-hochberg` (1995, "Controlling the false discovery rate") the expected share of false ones among those found.
 *
 * @param ps from 0 to 1
 */
export function adjustPs(ps: readonly number[], adjustment: Adjustment): number[] {
  const count = ps.length
  if (adjustment === 'bonferroni') return ps.map((p) => Math.min(1, p * count))
  const rising = [...ps.keys()].sort((a, b) => ps[a]! - ps[b]!)
  const adjusted = [...ps]
  let bound = adjustment === 'holm' ? 0 : 1
  // Never out of the order of the p-values themselves: Holm's goes up from the smallest, the other down from the largest.
  for (const [step, index] of (adjustment === 'holm' ? rising : rising.toReversed()).entries()) {
    const scaled = ps[index]! * (adjustment === 'holm' ? count - step : count / (count - step))
    bound = adjustment === 'holm' ? Math.max(bound, Math.min(1, scaled)) : Math.min(bound, scaled)
    adjusted[index] = bound
  }
  return adjusted
}
