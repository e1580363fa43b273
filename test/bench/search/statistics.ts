export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The value in the middle, or half-way between the two there. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length / 2
  return mean(sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1))
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map(Math.log)))
}

/** The place of each value, 1 for the lowest; equal values share the mean of their places. */
export function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length
    const equal = values.filter((other) => other === value).length
    return below + (equal + 1) / 2
  })
}

/** Two-sided, at p = 0.05. */
const CRITICAL_Z = 1.959963984540054

export type Verdict = 'lower' | 'higher' | 'undecided'

/**
 * Whether one independent sample lies significantly below another one, p < 0.05 two-sided: Mann and Whitney 1947, "On a
 * test of whether one of two random variables is stochastically larger than the other", in the normal approximation with
 * the corrections for ties and continuity.
 */
export function mannWhitney(first: readonly number[], second: readonly number[]): Verdict {
  const pooled = [...first, ...second]
  const n = pooled.length
  const places = ranks(pooled)
  const rankSum = places.slice(0, first.length).reduce((sum, place) => sum + place, 0)
  const u = rankSum - (first.length * (first.length + 1)) / 2
  const expected = (first.length * second.length) / 2
  // Each of t equal values adds t^2 - 1, so that the t of them add the usual t^3 - t.
  const ties = pooled.reduce((sum, value) => sum + pooled.filter((other) => other === value).length ** 2 - 1, 0)
  const variance = ((first.length * second.length) / 12) * (n + 1 - ties / (n * (n - 1)))
  // Written without a quotient: where all values are equal the variance is 0.
  if (Math.abs(u - expected) - 0.5 <= CRITICAL_Z * Math.sqrt(variance)) return 'undecided'
  return u < expected ? 'lower' : 'higher'
}
