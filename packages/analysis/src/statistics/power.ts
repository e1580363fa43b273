import { noncentralStudentCdf, studentQuantile } from './distributions.ts'

export interface PowerSettings {
  /** Chance of finding a difference where there is none, two-sided. */
  readonly alpha?: number
  /** Whether both methods run with the same seeds. */
  readonly isPaired?: boolean
}

/**
 * The chance that a t-test finds a difference of this size. Cohen 1988, "Statistical power analysis for the behavioral
 * sciences", chapter 2, by the noncentral t distribution.
 *
 * @param effect Cohen's d: difference of the means in standard deviations (of the differences, for pairs)
 * @param seeds of each method, at least 2
 */
export function powerOf(effect: number, seeds: number, { alpha = 0.05, isPaired = true }: PowerSettings = {}): number {
  const degrees = isPaired ? seeds - 1 : 2 * seeds - 2
  const noncentrality = Math.abs(effect) * Math.sqrt(isPaired ? seeds : seeds / 2)
  const critical = studentQuantile(1 - alpha / 2, degrees)
  return (
    1 - noncentralStudentCdf(critical, degrees, noncentrality) + noncentralStudentCdf(-critical, degrees, noncentrality)
  )
}

const MOST_SEEDS = 100_000

/**
 * The least number of seeds with which such a difference is found with the given chance; null for more than 100,000.
 *
 * @param power such as 0.8
 */
export function seedsNeeded(effect: number, power: number, settings: PowerSettings = {}): number | null {
  let [below, enough] = [1, 2]
  while (powerOf(effect, enough, settings) < power) {
    below = enough
    enough *= 2
    if (enough > MOST_SEEDS) return null
  }
  while (enough - below > 1) {
    const middle = Math.floor((below + enough) / 2)
    if (powerOf(effect, middle, settings) < power) below = middle
    else enough = middle
  }
  return enough
}
