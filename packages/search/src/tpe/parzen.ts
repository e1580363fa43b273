import { exactExp, exactLog } from '../exact-math.ts'
import type { Rng } from '../rng.ts'
import { sampleIndex } from '../sample.ts'
import type { Axis } from '../space/axis.ts'
import { nearNormalProbability } from '../space/normal-probability.ts'

/**
 * Bandwidths are those of Scott's rule for normal data times this: what good configs have in common is rarely one normal,
 * and for a mixture of narrower ones the rule is too wide (Silverman 1986, section 3.4.2). Measured over the tasks of
 * `npm run bench -- search` and a second set.
 */
const NARROWER = 0.75
/** Variance of the prior on the axis of a number, which is uniform from 0 to 1. */
const PRIOR_VARIANCE = 1 / 12
/** No kernel is narrower, however sure somebody is. */
const NARROWEST = 1e-3
/** What lies so far below the largest term, as a logarithm, adds nothing to a sum of some hundred. */
const NEGLIGIBLE = 20
const LOG_SQRT_2_PI = 0.9189385332046727

/** One observed config as a kernel: coordinates by axis, NaN where the parameter was not active. */
export interface Observed {
  readonly coordinates: Float64Array
  readonly weight: number
  /** Standard deviations by axis, where they are known better than from the spread of all. */
  readonly sigmas?: Float64Array
}

/**
 * A density over configs: a mixture of one product kernel for each observed config, and of the prior with the weight of
 * one (Bergstra et al. 2011, section 4; joint over all parameters as in Falkner et al. 2018 and Watanabe 2023,
 * arXiv 2304.11127). Normals cut off at the ends of an axis, and for choices the observed value with what the prior
 * leaves. Where a kernel's config has no value, because a condition kept the parameter out, the prior stands in for it.
 *
 * Densities are relative to the prior, so parameters that are inactive count 1.
 *
 * @param priorWeight how many observations the prior counts as; 0 draws from the kernels alone
 * @param bandwidths of the numbers, by axis; without them as the observed configs spread
 */
export class ParzenEstimator {
  /** Standard deviations of the kernels of numbers, by axis. */
  readonly bandwidths: Float64Array
  readonly #axes: readonly Axis[]
  readonly #count: number
  /** Axis by axis, a kernel an entry; -1, with zeros below, where a kernel has no value. */
  readonly #centers: Float64Array
  /** 1 / sigma of numbers. */
  readonly #inverse: Float64Array
  /** For numbers log of 1 / (sigma * sqrt(2 pi) * mass inside); for choices log of hit over prior. */
  readonly #peak: Float64Array
  /** For choices log of miss over prior, which is the same for every value missed. */
  readonly #miss: Float64Array
  readonly #logWeights: Float64Array
  readonly #cumulated: Float64Array
  readonly #terms: Float64Array

  constructor(
    axes: readonly Axis[],
    observed: readonly Observed[],
    priorWeight = 1,
    bandwidths = spreadBandwidths(axes.length, observed),
  ) {
    const d = axes.length
    const n = observed.length
    this.bandwidths = bandwidths
    this.#axes = axes
    this.#count = n
    this.#centers = new Float64Array(n * d).fill(-1)
    this.#inverse = new Float64Array(n * d)
    this.#peak = new Float64Array(n * d)
    this.#miss = new Float64Array(n * d)
    this.#terms = new Float64Array(n + 1)
    for (let j = 0; j < d; j += 1) {
      for (let i = 0; i < n; i += 1) {
        const { coordinates, sigmas } = observed[i]!
        if (!Number.isNaN(coordinates[j]!)) this.#place(j, i, coordinates[j]!, sigmas?.[j] ?? bandwidths[j]!)
      }
    }
    const weights = [...observed.map((one) => one.weight), priorWeight]
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    this.#logWeights = new Float64Array(n + 1)
    this.#cumulated = new Float64Array(n + 1)
    let sum = 0
    for (const [i, weight] of weights.entries()) {
      sum += weight / total
      this.#logWeights[i] = exactLog(weight / total)
      this.#cumulated[i] = sum
    }
  }

  #place(j: number, i: number, center: number, bandwidth: number): void {
    const n = this.#count
    const axis = this.#axes[j]!
    const at = j * n + i
    this.#centers[at] = center
    if (axis.kind === 'choice') {
      const share = keptShare(n, axis.prior.length)
      const prior = axis.prior[center]!
      this.#miss[at] = exactLog(1 - share)
      this.#peak[at] = prior > 0 ? exactLog(share / prior + (1 - share)) : 0
      return
    }
    const sigma = Math.max(bandwidth, NARROWEST, axis.halfStep(center))
    const mass = nearNormalProbability((1 - center) / sigma) - nearNormalProbability(-center / sigma)
    this.#inverse[at] = 1 / sigma
    this.#peak[at] = -exactLog(sigma * mass) - LOG_SQRT_2_PI
  }

  /** Log of the density relative to the prior. */
  logDensity(coordinates: Float64Array): number {
    const n = this.#count
    const terms = this.#terms
    terms.set(this.#logWeights)
    for (let j = 0; j < this.#axes.length; j += 1) {
      const x = coordinates[j]!
      // The parameter is not active.
      if (Number.isNaN(x)) continue
      if (this.#axes[j]!.kind === 'choice') this.#addChoice(j * n, x)
      else this.#addNumber(j * n, x)
    }
    let most = terms[n]!
    for (let i = 0; i < n; i += 1) if (terms[i]! > most) most = terms[i]!
    let total = 0
    for (let i = 0; i <= n; i += 1) {
      const below = terms[i]! - most
      if (below > -NEGLIGIBLE) total += exactExp(below)
    }
    return most + exactLog(total)
  }

  #addChoice(from: number, x: number): void {
    const [terms, centers, peak, miss] = [this.#terms, this.#centers, this.#peak, this.#miss]
    for (let i = 0, at = from; i < this.#count; i += 1, at += 1) {
      terms[i]! += centers[at] === x ? peak[at]! : miss[at]!
    }
  }

  #addNumber(from: number, x: number): void {
    const [terms, centers, inverse, peak] = [this.#terms, this.#centers, this.#inverse, this.#peak]
    for (let i = 0, at = from; i < this.#count; i += 1, at += 1) {
      const z = (x - centers[at]!) * inverse[at]!
      terms[i]! += peak[at]! - 0.5 * z * z
    }
  }

  /** A kernel by its weight; undefined for the prior. */
  drawKernel(rng: Rng): number | undefined {
    const u = rng.float()
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#cumulated[middle]! > u) high = middle
      else low = middle + 1
    }
    return low < this.#count ? low : undefined
  }

  /** A coordinate of one axis from a kernel (undefined: from the prior). */
  drawCoordinate(kernel: number | undefined, axis: number, rng: Rng): number {
    const at = axis * this.#count + (kernel ?? 0)
    const center = kernel === undefined ? -1 : this.#centers[at]!
    const one = this.#axes[axis]!
    if (one.kind === 'choice') {
      const keeps = center >= 0 && rng.float() < keptShare(this.#count, one.prior.length)
      return keeps ? center : sampleIndex(one.prior, rng)
    }
    if (center < 0) return rng.float()
    for (let tries = 0; tries < 100; tries += 1) {
      const x = center + rng.normal() / this.#inverse[at]!
      if (x >= 0 && x < 1) return x
    }
    return center
  }
}

/**
 * Scott's rule axis by axis, from the spread of the configs on it (Scott 1992, section 6.3): where good ones agree the
 * density is narrow, where any value will do it is wide. The prior counts as one more config, so that a few that happen
 * to be close do not end the search.
 */
function spreadBandwidths(d: number, observed: readonly Observed[]): Float64Array {
  return Float64Array.from({ length: d }, (_, j) => {
    let [weights, mean, squares] = [0, 0, 0]
    for (const { coordinates, weight, sigmas } of observed) {
      const x = coordinates[j]!
      if (Number.isNaN(x) || sigmas !== undefined) continue
      weights += weight
      const step = x - mean
      mean += (step * weight) / weights
      squares += weight * step * (x - mean)
    }
    const deviation = Math.sqrt((squares + PRIOR_VARIANCE) / (weights + 1))
    return NARROWER * deviation * exactExp(-exactLog(Math.max(weights, 1)) / (d + 4))
  })
}

/**
 * How much of a kernel stays on the value it has seen: more with more kernels, less with more choices. Equal kernels
 * together estimate a share as if every choice had been seen half a time more than it was (Krichevsky and Trofimov 1981,
 * "The performance of universal encoding").
 */
function keptShare(kernels: number, choices: number): number {
  return kernels / (kernels + choices / 2)
}
