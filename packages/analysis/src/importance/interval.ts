import { sampleVariance } from '../statistics/describe.ts'
import type { Estimate } from './importance.ts'

/** The normal distribution's 95 % point: 5 % are beyond it on either side. */
export const Z = 1.6448536269514722

/**
 * The 90 % interval by the standard deviation over bootstrap replicates (Davison and Hinkley 1997, "Bootstrap methods and
 * their application", section 5.2), cut at 0. Their percentiles would not do: importance is a sum of squares, which
 * resampling alone makes larger.
 */
export function withInterval(importance: number, replicates: ArrayLike<number>, most: number): Estimate {
  const reach = replicates.length < 2 ? 0 : Z * Math.sqrt(sampleVariance(replicates))
  return { importance, low: Math.max(0, importance - reach), high: Math.min(most, importance + reach) }
}
