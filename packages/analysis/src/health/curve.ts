import { ascending, quantile } from '../statistics/describe.ts'

/** The finite points of a metric, turned so that lower is better. */
export interface Curve {
  readonly steps: readonly number[]
  readonly losses: readonly number[]
}

export function curveOf(
  series: { readonly steps: readonly number[]; readonly values: readonly number[] },
  isScore: boolean,
): Curve {
  const at = series.values.flatMap((value, index) => (Number.isFinite(value) ? [index] : []))
  return {
    steps: at.map((index) => series.steps[index] ?? 0),
    losses: at.map((index) => (isScore ? -1 : 1) * (series.values[index] ?? 0)),
  }
}

/** NaN of nothing. */
export function median(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : quantile(ascending(values), 0.5)
}

/** 1 / the median of |x| for a standard normal x. */
const NORMAL = 1.4826

/**
 * Standard deviation of the noise around a curve, from the differences of neighbours: a slope hardly counts, and neither
 * do a few jumps. In the unit of the values; 0 for fewer than three.
 */
export function noiseOf(values: readonly number[]): number {
  if (values.length < 3) return 0
  const differences = values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? 0)))
  return (NORMAL * median(differences)) / Math.SQRT2
}

/**
 * Mann and Kendall's test for a trend: how far, in standard deviations of chance, later values lie below earlier ones.
 * Positive: they fall. Mann, Econometrica 13(3), 1945; ties corrected as in Kendall, Rank Correlation Methods, 1975.
 */
export function fallOf(values: readonly number[]): number {
  const count = values.length
  let sum = 0
  for (let later = 1; later < count; later += 1) {
    for (let earlier = 0; earlier < later; earlier += 1) {
      sum += Math.sign((values[earlier] ?? 0) - (values[later] ?? 0))
    }
  }
  const sizes = new Map<number, number>()
  for (const value of values) sizes.set(value, (sizes.get(value) ?? 0) + 1)
  let variance = count * (count - 1) * (2 * count + 5)
  for (const size of sizes.values()) variance -= size * (size - 1) * (2 * size + 5)
  return variance <= 0 ? 0 : (sum - Math.sign(sum)) / Math.sqrt(variance / 18)
}

/** A number as people read it: four significant digits. */
export function short(value: number): string {
  return Number.isFinite(value) && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : String(value)
}
