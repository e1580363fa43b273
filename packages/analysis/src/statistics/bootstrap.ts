import { createRng } from '../rng.ts'
import { ascending, mean, quantile } from './describe.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

const REPLICATES = 9999

/**
 * How far the mean of a resample lies from that of the values, in standard errors of the resample: the pivot of the
 * bootstrap-t (Efron and Tibshirani 1993, "An introduction to the bootstrap", section 12.5). Infinite for a resample of
 * one value many times, of which nothing says how sure it is.
 *
 * @param values at least two, not all the same
 * @returns sizes without sign, ascending
 */
export function bootstrapPivots(values: readonly number[], seed: number): Float64Array {
  const rng = createRng(seed)
  const middle = mean(values)
  const count = values.length
  const pivots = new Float64Array(REPLICATES)
  // Below it a spread is what rounding leaves of none.
  const least = 1e-20 * values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  for (let replicate = 0; replicate < REPLICATES; replicate += 1) {
    let [sum, squares] = [0, 0]
    for (let i = 0; i < count; i += 1) {
      const offset = values[rng.below(count)]! - middle
      sum += offset
      squares += offset * offset
    }
    const spread = squares - (sum * sum) / count
    const error = Math.sqrt(spread / ((count - 1) * count))
    pivots[replicate] = spread > least ? Math.abs(sum / count) / error : Number.POSITIVE_INFINITY
  }
  return pivots.sort()
}

/** Means of bootstrap resamples (Efron 1979). */
export function bootstrapMeans(values: readonly number[], seed: number, replicates: number): Float64Array {
  const rng = createRng(seed)
  const means = new Float64Array(replicates)
  for (let replicate = 0; replicate < replicates; replicate += 1) {
    let sum = 0
    for (let i = 0; i < values.length; i += 1) sum += values[rng.below(values.length)]!
    means[replicate] = sum / values.length
  }
  return means
}

/** Between the percentiles that leave the same share out on either side. */
export function percentileInterval(replicates: Iterable<number>, confidence: number): Interval {
  const sorted = ascending(replicates)
  return { low: quantile(sorted, (1 - confidence) / 2), high: quantile(sorted, (1 + confidence) / 2) }
}
