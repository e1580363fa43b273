import { exactLog } from '../exact-math.ts'

export interface Targets {
  /** Mean 0 and variance 1; all 0 where all losses are the same. */
  readonly values: Float64Array
  /** What one unit of a target is as a loss, near the lowest loss. */
  readonly unit: number
  /** By how much each target moves with its loss. */
  readonly slopes: Float64Array
}

/**
 * Losses as a Gaussian process likes them. Those of a sweep reach over decades, and the best of them, which matter most,
 * lie close together: the logarithm of 1 + the loss above the best in units of its median leaves the better half nearly
 * as it is and draws in the worse half. Of Yeo-Johnson, ranks, a cut above the median and none, it did best over the
 * tasks of `npm run bench -- search`.
 *
 * @param losses finite, at least one
 */
export function targetsOf(losses: readonly number[]): Targets {
  const best = losses.reduce((least, loss) => Math.min(least, loss))
  // In halves, because losses may lie further apart than the largest double.
  const above = losses.map((loss) => loss / 2 - best / 2)
  const worse = above.filter((half) => half > 0).sort((a, b) => a - b)
  const median = worse[worse.length >> 1] ?? 1
  const values = Float64Array.from(above, (half) => exactLog(1 + Math.min(half / median, Number.MAX_VALUE)))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  if (deviation === 0) return { values: values.fill(0), unit: 0, slopes: new Float64Array(values.length) }
  const slopes = Float64Array.from(above, (half) => 1 / (2 * (median + half) * deviation))
  return { values: values.map((value) => (value - mean) / deviation), unit: 2 * median * deviation, slopes }
}
