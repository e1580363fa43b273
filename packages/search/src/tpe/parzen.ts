import { exactExp, exactLog } from '../exact-math.ts'
import type { Rng } from '../rng.ts'
import { sampleIndex } from '../sample.ts'
import type { Axis } from '../space/axis.ts'
import { nearNormalProbability } from '../space/normal-probability.ts'

/** Bandwidth of a single observation, as a share of the axis; it shrinks as n^(-1/(4+d)) (Scott 1992, section 6.3). */
const BANDWIDTH = 0.07
/** Beyond so many standard deviations a kernel adds nothing that could be told from rounding. */
const NEGLIGIBLE = 30
const LOG_SQRT_2_PI = 0.9189385332046727

/** One observed config as a kernel: coordinates by axis, NaN where the parameter was not active. */
export interface Observed {
  readonly coordinates: Float64Array
  readonly weight: number
}

/**
 * A density over configs: a mixture of one product kernel for each observed config, and of the prior with the weight of
 * one (Bergstra et al. 2011, section 4; joint over all parameters as in Falkner et al. 2018 and Watanabe 2023,
 * arXiv 2304.11127). Normals cut off at the ends of an axis, and for choices the observed value with what the prior
 * leaves. Where a kernel's config has no value, because a condition kept the parameter out, the prior stands in for it.
 *
 * Densities are relative to the prior, so parameters that are inactive count 1.
 */
export class ParzenEstimator {
  readonly #axes: readonly Axis[]
  readonly #count: number
  /** Row by row, a kernel a row. */
  readonly #centers: Float64Array
  readonly #inverse: Float64Array
  /** For numeric axes log of 1 / (sigma * sqrt(2 pi) * mass inside); for choices log of hit over prior. */
  readonly #peak: Float64Array
  /** For choices log of miss over prior, which is the same for every value missed. */
  readonly #miss: Float64Array
  readonly #logWeights: Float64Array
  readonly #cumulated: Float64Array
  readonly #scratch: Float64Array

  constructor(axes: readonly Axis[], observed: readonly Observed[], priorWeight = 1) {
    const d = axes.length
    const n = observed.length
    this.#axes = axes
    this.#count = n
    this.#centers = new Float64Array(n * d)
    this.#inverse = new Float64Array(n * d)
    this.#peak = new Float64Array(n * d)
    this.#miss = new Float64Array(n * d)
    this.#scratch = new Float64Array(n + 1)
    const shrink = exactExp(-exactLog(Math.max(n, 1)) / (d + 4))
    const least = 1 / Math.min(100, n + 2)
    for (const [i, { coordinates }] of observed.entries()) {
      for (let j = 0; j < d; j += 1) this.#place(i * d + j, axes[j]!, coordinates[j]!, BANDWIDTH * shrink, least, n)
    }
    const total = observed.reduce((sum, one) => sum + one.weight, priorWeight)
    this.#logWeights = Float64Array.from([...observed.map((one) => one.weight), priorWeight], (weight) =>
      exactLog(weight / total),
    )
    let sum = 0
    this.#cumulated = Float64Array.from([...observed.map((one) => one.weight), priorWeight], (weight) => {
      sum += weight / total
      return sum
    })
  }

  #place(at: number, axis: Axis, center: number, bandwidth: number, least: number, n: number): void {
    this.#centers[at] = center
    if (Number.isNaN(center)) return
    if (axis.kind === 'choice') {
      const share = keptShare(n, axis.prior.length)
      const prior = axis.prior[center]!
      this.#miss[at] = exactLog(1 - share)
      this.#peak[at] = prior > 0 ? exactLog(share / prior + (1 - share)) : 0
      return
    }
    const sigma = Math.max(bandwidth, least, axis.halfStep(center))
    const mass = nearNormalProbability((1 - center) / sigma) - nearNormalProbability(-center / sigma)
    this.#inverse[at] = 1 / sigma
    this.#peak[at] = -exactLog(sigma * mass) - LOG_SQRT_2_PI
  }

  /** Log of the density relative to the prior. */
  logDensity(coordinates: Float64Array): number {
    const d = this.#axes.length
    const n = this.#count
    const terms = this.#scratch
    terms[n] = this.#logWeights[n]!
    let most = terms[n]!
    for (let i = 0; i < n; i += 1) {
      let sum = this.#logWeights[i]!
      for (let j = 0, at = i * d; j < d; j += 1, at += 1) {
        const x = coordinates[j]!
        const center = this.#centers[at]!
        // One of the two is inactive: the prior stands in for it.
        if (Number.isNaN(x) || Number.isNaN(center)) continue
        if (this.#axes[j]!.kind === 'choice') sum += x === center ? this.#peak[at]! : this.#miss[at]!
        else {
          const z = (x - center) * this.#inverse[at]!
          sum += this.#peak[at]! - 0.5 * z * z
        }
      }
      terms[i] = sum
      if (sum > most) most = sum
    }
    let total = 0
    for (let i = 0; i <= n; i += 1) {
      const below = terms[i]! - most
      if (below > -NEGLIGIBLE) total += exactExp(below)
    }
    return most + exactLog(total)
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
    const at = (kernel ?? 0) * this.#axes.length + axis
    const center = kernel === undefined ? Number.NaN : this.#centers[at]!
    const one = this.#axes[axis]!
    if (one.kind === 'choice') {
      const keeps = !Number.isNaN(center) && rng.float() < keptShare(this.#count, one.prior.length)
      return keeps ? center : sampleIndex(one.prior, rng)
    }
    if (Number.isNaN(center)) return rng.float()
    for (let tries = 0; tries < 100; tries += 1) {
      const x = center + rng.normal() / this.#inverse[at]!
      if (x >= 0 && x < 1) return x
    }
    return center
  }
}

/** How much of a kernel stays on the value it has seen: more with more kernels, less with more choices. */
function keptShare(kernels: number, choices: number): number {
  return kernels / (kernels + choices)
}
