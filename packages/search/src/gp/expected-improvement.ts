import { exactExp, exactLog } from '../exact-math.ts'
import { normalProbability } from '../space/normal-probability.ts'
import type { Prediction } from './posterior.ts'

const HALF_LOG_TWO_PI = 0.9189385332046728
/** Below it the improvement is a small difference of large terms, and its tail is used instead. */
const TAIL = -2.5
/** Terms of the continued fraction; at `TAIL` and beyond they give 12 digits. */
const TERMS = 60

export interface Improvement {
  /** Log of the expected improvement. */
  readonly log: number
  readonly byMean: number
  readonly byDeviation: number
}

/**
 * Log of the expected improvement on `best`, where lower is better, and its derivatives: Ament et al. 2023, "Unexpected
 * improvements to expected improvement for Bayesian optimization", arXiv 2310.20708, section 4.1. In logs it has a slope
 * also where the improvement itself is below the smallest double. For the tail we take Laplace's continued fraction of
 * Mills' ratio (Abramowitz and Stegun 26.2.14) in place of their erfcx, which needs sums and quotients alone.
 */
export function logExpectedImprovement({ mean, deviation }: Prediction, best: number): Improvement {
  const z = (best - mean) / deviation
  const logDensity = -0.5 * z * z - HALF_LOG_TWO_PI
  if (z > TAIL) {
    const density = exactExp(logDensity)
    const probability = normalProbability(z)
    const improvement = density + z * probability
    return {
      log: exactLog(deviation * improvement),
      byMean: -probability / (deviation * improvement),
      byDeviation: density / (deviation * improvement),
    }
  }
  // Mills' ratio is 1 / (t + c), and phi(t) - t (1 - Phi(t)) = phi(t) c / (t + c).
  const t = -z
  let c = 0
  for (let term = TERMS; term >= 1; term -= 1) c = term / (t + c)
  return {
    log: exactLog(deviation) + logDensity + exactLog(c / (t + c)),
    byMean: -1 / (deviation * c),
    byDeviation: (t + c) / (deviation * c),
  }
}
