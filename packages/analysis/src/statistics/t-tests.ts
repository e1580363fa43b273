import { mean, sampleVariance } from './describe.ts'
import { studentCdf } from './distributions.ts'

export interface TestResult {
  readonly statistic: number
  /** Two-sided. Null where the values don't vary, so that nothing can be said. */
  readonly p: number | null
}

/** Student 1908, "The probable error of a mean", Biometrika 6(1), on the differences of pairs. */
export function pairedT(differences: readonly number[]): TestResult {
  const error = Math.sqrt(sampleVariance(differences) / differences.length)
  return fromT(mean(differences), error, differences.length - 1)
}

/**
 * For independent samples of any variances: Welch 1947, "The generalization of 'Student's' problem when several
 * different population variances are involved", Biometrika 34(1-2).
 */
export function welchT(first: readonly number[], second: readonly number[]): TestResult {
  const a = sampleVariance(first) / first.length
  const b = sampleVariance(second) / second.length
  const degrees = (a + b) ** 2 / (a ** 2 / (first.length - 1) + b ** 2 / (second.length - 1))
  return fromT(mean(first) - mean(second), Math.sqrt(a + b), degrees)
}

function fromT(difference: number, error: number, degrees: number): TestResult {
  if (!(error > 0)) return { statistic: difference === 0 ? 0 : Number.NaN, p: null }
  const t = difference / error
  return { statistic: t, p: Math.min(1, 2 * studentCdf(-Math.abs(t), degrees)) }
}
