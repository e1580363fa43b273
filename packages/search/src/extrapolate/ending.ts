import { exactExp, exactLog } from '../exact-math.ts'
import { nearNormalProbability } from '../space/normal-probability.ts'
import { SHAPE_SHARES, shapesAt } from './curve-shapes.ts'

/** A measured part of a curve. */
export interface CurvePoint {
  /** Of the training, over at this point: 0 to 1. */
  readonly share: number
  readonly loss: number
  /** Of how many reports the loss is the mean. */
  readonly reports: number
}

/** What completed trials say of one that is not: medians and spreads (as standard deviations), in the metric's unit. */
export interface CurvePrior {
  /** A size that losses of the sweep differ by, above 0; the spreads are not much larger. */
  readonly scale: number
  readonly end: number
  readonly endSpread: number
  /** From the first report to the end. */
  readonly drop: number
  readonly dropSpread: number
}

/** Where a curve may end: a mixture of Student's t distributions of one number of degrees of freedom. */
export interface Ending {
  readonly freedom: number
  readonly parts: readonly { readonly weight: number; readonly mean: number; readonly deviation: number }[]
}

/** Of a report, where little is known yet, and how many reports that guess is worth, halved. In units of the scale. */
const NOISE = 0.02
const NOISE_SHAPE = 1
/** What is added to the spread among completed trials, which may be none. */
const LEAST_SPREAD = 0.02
/** How much the level wanders over a training, against the noise: variance over variance. */
const DRIFTS = [0, 3, 100]
/** Losses further off than this many scales are all alike: diverged. */
const FURTHEST = 10

/**
 * Extrapolates a curve to its end by Bayes' rule over a fixed prior of curves, in the spirit of Adriaensen et al. 2023,
 * "Efficient Bayesian learning curve extrapolation using prior-data fitted networks" (arXiv 2310.20447). A network learns
 * that rule there; here the prior is small enough to weigh each of its shapes by how well it fits, and what enters
 * linearly is integrated out.
 *
 * loss = level + drop * shape(share) + noise, the level wandering as a random walk so that the far end is less certain
 * than the near one. Level and drop have a normal prior from completed trials, the noise an inverse gamma one; each shape
 * and drift is a Kalman filter over the points, whose evidence is its weight.
 *
 * @param points in the order of their share; at most 32, or the product of variances below may overflow
 */
export function endingOf(points: readonly CurvePoint[], prior: CurvePrior): Ending {
  const shapes = points.map(({ share }) => shapesAt(share))
  const left = 1 - (points.at(-1)?.share ?? 0)
  const shape = NOISE_SHAPE + points.length / 2
  const found: { evidence: number; mean: number; variance: number }[] = []
  for (const [index, share] of SHAPE_SHARES.entries()) {
    for (const drift of DRIFTS) {
      const fit = filtered(points, shapes, index, drift, prior)
      found.push({
        evidence: exactLog(share) - exactLog(fit.variances) / 2 - shape * exactLog(fit.rate),
        mean: prior.end + prior.scale * fit.level,
        variance: (fit.rate / shape) * (fit.levelVariance + drift * left + 1),
      })
    }
  }
  const most = found.reduce((best, { evidence }) => Math.max(best, evidence), Number.NEGATIVE_INFINITY)
  const weights = found.map(({ evidence }) => exactExp(evidence - most))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return {
    freedom: 2 * shape,
    parts: found.map(({ mean, variance }, index) => ({
      weight: weights[index]! / total,
      mean,
      deviation: prior.scale * Math.sqrt(variance),
    })),
  }
}

/** The Kalman filter of one shape and drift; losses count from the prior's end in units of its scale. */
function filtered(
  points: readonly CurvePoint[],
  shapes: readonly Float64Array[],
  index: number,
  drift: number,
  prior: CurvePrior,
) {
  const { scale } = prior
  let level = 0
  let drop = prior.drop / scale
  // Variances and covariance, of level and drop, over the variance of the noise.
  let levelVariance = ((prior.endSpread / scale + LEAST_SPREAD) / NOISE) ** 2
  let dropVariance = ((prior.dropSpread / scale + LEAST_SPREAD) / NOISE) ** 2
  let covariance = 0
  let rate = NOISE_SHAPE * NOISE * NOISE
  let variances = 1
  let before = points[0]?.share ?? 0
  for (const [i, { share, loss, reports }] of points.entries()) {
    levelVariance += drift * (share - before)
    before = share
    const value = shapes[i]![index]!
    const toLevel = levelVariance + value * covariance
    const toDrop = covariance + value * dropVariance
    const variance = toLevel + value * toDrop + 1 / reports
    const seen = Math.max(-FURTHEST, Math.min(FURTHEST, (loss - prior.end) / scale))
    const error = seen - level - value * drop
    level += (toLevel / variance) * error
    drop += (toDrop / variance) * error
    levelVariance -= (toLevel * toLevel) / variance
    covariance -= (toLevel * toDrop) / variance
    dropVariance -= (toDrop * toDrop) / variance
    rate += (error * error) / variance / 2
    variances *= variance
  }
  return { level, levelVariance, rate, variances }
}

export function expectedEnd({ parts }: Ending): number {
  return parts.reduce((sum, { weight, mean }) => sum + weight * mean, 0)
}

/** The probability that the curve ends below a loss. */
export function probabilityBelow({ freedom, parts }: Ending, loss: number): number {
  return parts.reduce(
    (sum, { weight, mean, deviation }) => sum + weight * studentProbability((loss - mean) / deviation, freedom),
    0,
  )
}

/** Student's t distribution function to about 0.003; Abramowitz and Stegun 1964, 26.7.8. */
function studentProbability(t: number, freedom: number): number {
  return nearNormalProbability((t * (1 - 1 / (4 * freedom))) / Math.sqrt(1 + (t * t) / (2 * freedom)))
}
