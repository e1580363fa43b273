import { exactExp, exactLog } from '../exact-math.ts'
import { factor, invert, solveLower, solveUpper, triangle } from './cholesky.ts'
import { type KernelParameters, MEAN_VARIANCE, matern, maternDecay, maternSlope, squaredDistance } from './kernel.ts'
import { type Bounds, minimise, type Objective } from './minimise.ts'

/** What a model is fitted to. */
export interface Sample {
  /** By axis. */
  readonly isChoice: readonly boolean[]
  /** Coordinates by axis, NaN where inactive, a config each. */
  readonly points: readonly Float64Array[]
  /** With mean 0 and variance 1, more or less. */
  readonly targets: Float64Array
  /** Variance of each target beside the noise that all have, such as that of a mean of few runs; none when absent. */
  readonly variances?: Float64Array | undefined
}

/** More steps gain nothing that a suggestion shows, and neither do smaller gains. */
const ITERATIONS = 20
const TOLERANCE = 0.01
/** Where the search starts: moderate, with enough noise not to take all ups and downs for structure. */
const START = { lengthscale: 0.5, variance: 0.5, noise: 0.1 }
const LEAST = { lengthscale: 0.01, variance: 1e-4, noise: 1e-8 }
const MOST = { lengthscale: 100, variance: 100, noise: 1 }

/**
 * The kernel that makes the sample likeliest a posteriori: the maximum of the marginal likelihood (Rasmussen and Williams
 * 2006, equations 5.8 and 5.9) times the priors of `addPriors`.
 */
export function fitKernel(sample: Sample): KernelParameters {
  const d = sample.isChoice.length
  const logs = logsOf(d, START)
  const bounds: Bounds = { low: logsOf(d, LEAST), high: logsOf(d, MOST) }
  minimise(negativeLogPosterior(sample), logs, bounds, ITERATIONS, TOLERANCE)
  return parametersOf(logs)
}

function logsOf(d: number, { lengthscale, variance, noise }: typeof START): Float64Array {
  const logs = new Float64Array(d + 3).fill(exactLog(lengthscale))
  return logs.fill(exactLog(variance), d).fill(exactLog(noise), d + 2)
}

function parametersOf(logs: Float64Array): KernelParameters {
  const d = logs.length - 3
  const [additive, joint, noise] = Array.from(logs.subarray(d), exactExp)
  return { lengthscales: logs.slice(0, d).map(exactExp), additive: additive!, joint: joint!, noise: noise! }
}

/**
 * Minus the log of marginal likelihood times priors, up to a constant, by the logs of lengthscales, additive and joint
 * variance and noise, in this order.
 */
export function negativeLogPosterior({ isChoice, points, targets, variances }: Sample): Objective {
  const n = points.length
  const d = isChoice.length
  // Pair after pair, (1, 0), (2, 0), (2, 1), ...; the axes of a pair side by side.
  const distances = new Float64Array(((n * (n - 1)) / 2) * d)
  for (let i = 0, at = 0; i < n; i += 1) {
    for (let j = 0; j < i; j += 1) {
      for (let k = 0; k < d; k += 1, at += 1) {
        distances[at] = squaredDistance(isChoice[k]!, points[i]![k]!, points[j]![k]!)
      }
    }
  }
  const slopes = new Float64Array(distances.length)
  const [covariance, inverse, additiveParts, jointParts, jointSlopes] = Array.from({ length: 5 }, () => triangle(n))
  const weights = new Float64Array(n)

  /** False where the matrix can't be factored. */
  function factorCovariance({ additive, joint, noise }: KernelParameters, scales: Float64Array): boolean {
    const share = additive / d
    for (let i = 0, at = 0; i < n; i += 1) {
      const row = covariance![i]!
      for (let j = 0; j < i; j += 1) {
        let q = 0
        let sum = 0
        for (let k = 0; k < d; k += 1, at += 1) {
          const own = distances[at]! * scales[k]!
          const decay = own === 0 ? 1 : maternDecay(own)
          q += own
          sum += matern(own, decay)
          slopes[at] = share * maternSlope(own, decay)
        }
        const decay = maternDecay(q)
        additiveParts![i]![j] = share * sum
        jointParts![i]![j] = joint * matern(q, decay)
        jointSlopes![i]![j] = joint * maternSlope(q, decay)
        row[j] = additiveParts![i]![j]! + jointParts![i]![j]! + MEAN_VARIANCE
      }
      row[i] = additive + joint + noise + (variances?.[i] ?? 0) + MEAN_VARIANCE
    }
    return factor(covariance!)
  }

  return (logs, gradient) => {
    const parameters = parametersOf(logs)
    const scales = parameters.lengthscales.map((lengthscale) => 1 / (lengthscale * lengthscale))
    gradient.fill(0)
    if (!factorCovariance(parameters, scales)) return Number.POSITIVE_INFINITY
    weights.set(targets)
    solveLower(covariance!, weights)
    let value = 0
    for (let i = 0; i < n; i += 1) value += 0.5 * weights[i]! * weights[i]! + exactLog(covariance![i]![i]!)
    solveUpper(covariance!, weights)
    invert(covariance!, inverse!)
    for (let i = 0, at = 0; i < n; i += 1) {
      for (let j = 0; j < i; j += 1) {
        // Of a symmetric matrix: once for both halves, so without the factor 1/2 of the diagonal.
        const outer = inverse![i]![j]! - weights[i]! * weights[j]!
        const jointSlope = jointSlopes![i]![j]!
        for (let k = 0; k < d; k += 1, at += 1) {
          gradient[k]! += outer * 2 * distances[at]! * scales[k]! * (slopes[at]! + jointSlope)
        }
        gradient[d]! += outer * additiveParts![i]![j]!
        gradient[d + 1]! += outer * jointParts![i]![j]!
      }
      const outer = 0.5 * (inverse![i]![i]! - weights[i]! * weights[i]!)
      gradient[d]! += outer * parameters.additive
      gradient[d + 1]! += outer * parameters.joint
      gradient[d + 2]! += outer * parameters.noise
    }
    return value + addPriors(logs, parameters, gradient)
  }
}

/** Mode of a lengthscale's prior on one axis; on d axes sqrt(d) times as much. */
const LOG_LENGTHSCALE = Math.SQRT2 - 3

/**
 * Lengthscales grow with the square root of the number of axes, as distances do: Hvarfner et al. 2024, "Vanilla Bayesian
 * optimization performs great in high dimensions", arXiv 2402.02229, section 4: log-normal with location sqrt(2) +
 * log(d) / 2 and scale sqrt(3). We keep its mode with scale 1: by the wide one a fit to few trials takes noise for
 * structure of short lengthscales. Variances have priors Gamma(2, 1) and the noise Gamma(1.5, 5), which leave room for
 * functions without noise and for those that are mostly noise.
 *
 * @param gradient by the logs; what the priors add is added
 * @returns minus the log of the priors, up to a constant
 */
function addPriors(logs: Float64Array, { additive, joint, noise }: KernelParameters, gradient: Float64Array): number {
  const d = logs.length - 3
  let value = 0
  for (let k = 0; k < d; k += 1) {
    const off = logs[k]! - LOG_LENGTHSCALE - 0.5 * exactLog(d)
    value += 0.5 * off * off
    gradient[k]! += off
  }
  gradient[d]! += additive - 1
  gradient[d + 1]! += joint - 1
  gradient[d + 2]! += 5 * noise - 0.5
  return value + additive - logs[d]! + joint - logs[d + 1]! + 5 * noise - 0.5 * logs[d + 2]!
}
