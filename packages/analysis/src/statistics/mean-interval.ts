import { mean, sampleVariance } from './describe.ts'
import { studentQuantile } from './distributions.ts'

/** What some runs say of the mean of all runs there could be. */
export interface MeanInterval {
  /** How many values were finite; the others are left out. */
  readonly runs: number
  readonly mean: number | null
  /** Standard deviation of a run; null for fewer than two. */
  readonly deviation: number | null
  /** 95 % interval of the mean; null for fewer than two. */
  readonly low: number | null
  readonly high: number | null
}

const UPPER = 0.975

/**
 * The mean with its 95 % interval by Student's t (Student 1908, "The probable error of a mean"). The percentiles of a
 * bootstrap would be too narrow for the few seeds that people can afford: they know nothing beyond the values seen.
 */
export function meanInterval(values: readonly (number | null)[]): MeanInterval {
  const finite = finiteOf(values)
  const runs = finite.length
  if (runs === 0) return { runs, mean: null, deviation: null, low: null, high: null }
  const middle = mean(finite)
  if (runs === 1) return { runs, mean: middle, deviation: null, low: null, high: null }
  const deviation = Math.sqrt(sampleVariance(finite))
  const reach = (studentQuantile(UPPER, runs - 1) * deviation) / Math.sqrt(runs)
  return { runs, mean: middle, deviation, low: middle - reach, high: middle + reach }
}

/**
 * Between what one more run lies in 95 of 100 cases, if it is like those seen: the prediction interval of a normal
 * sample. Null for fewer than two runs, and for runs that are all the same.
 */
export function nextRunInterval(values: readonly (number | null)[]): { low: number; high: number } | null {
  const { runs, mean: middle, deviation } = meanInterval(values)
  if (middle === null || deviation === null || !(deviation > 0)) return null
  const reach = studentQuantile(UPPER, runs - 1) * deviation * Math.sqrt(1 + 1 / runs)
  return { low: middle - reach, high: middle + reach }
}

function finiteOf(values: readonly (number | null)[]): number[] {
  return values.filter((value): value is number => value !== null && Number.isFinite(value))
}
