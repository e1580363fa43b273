import { factorRow, solveLower, solveUpper } from './cholesky.ts'
import type { Sample } from './fit-kernel.ts'
import { type KernelParameters, MEAN_VARIANCE, matern, maternDecay, maternSlope, squaredDistance } from './kernel.ts'

export interface Prediction {
  readonly mean: number
  /** Of the function itself, without the noise. */
  readonly deviation: number
}

/** A Gaussian process given a sample (Rasmussen and Williams 2006, algorithm 2.1). It grows by `add`. */
export class Posterior {
  readonly #isChoice: readonly boolean[]
  readonly #points: Float64Array[] = []
  readonly #targets: number[] = []
  /** Of each target, beside the noise. */
  readonly #variances: number[] = []
  readonly #factor: Float64Array[] = []
  readonly #kernel: KernelParameters
  /** 1 / lengthscale^2. */
  readonly #scales: Float64Array
  readonly #variance: number
  /** K^-1 y; undefined after a point was added. */
  #weights: Float64Array | undefined
  // Of the last prediction: covariances with the points, L^-1 of them, and slopes, the axes of a point side by side.
  #cross = new Float64Array(0)
  #solved = new Float64Array(0)
  #slopes = new Float64Array(0)

  constructor({ isChoice, points, targets, variances }: Sample, kernel: KernelParameters) {
    this.#isChoice = isChoice
    this.#kernel = kernel
    this.#scales = kernel.lengthscales.map((lengthscale) => 1 / (lengthscale * lengthscale))
    this.#variance = kernel.additive + kernel.joint + MEAN_VARIANCE
    for (const [i, point] of points.entries()) this.#push(point, targets[i]!, variances?.[i] ?? 0)
  }

  /** Takes in one more observation. */
  add(point: Float64Array, target: number): void {
    this.#push(point, target, 0)
    this.#weights = undefined
  }

  #push(point: Float64Array, target: number, variance: number): void {
    this.#points.push(point)
    this.#targets.push(target)
    this.#variances.push(variance)
    const n = this.#points.length
    this.#slopes = new Float64Array(n * this.#isChoice.length)
    this.#cross = new Float64Array(n)
    this.#solved = new Float64Array(n)
    this.#covariances(point, false)
    // Points so close that their rows can't be told apart are taken for noisier than they are.
    for (let noise = this.#kernel.noise; ; noise *= 10) {
      const row = this.#cross.slice()
      row[n - 1] = this.#variance + noise + variance
      this.#factor[n - 1] = row
      if (factorRow(this.#factor, n - 1)) return
    }
  }

  /** Fills `#cross`, and `#slopes` where they are wanted. */
  #covariances(point: Float64Array, wantsSlopes: boolean): void {
    const d = this.#isChoice.length
    const { additive, joint } = this.#kernel
    const share = additive / d
    for (let i = 0, at = 0; i < this.#points.length; i += 1) {
      const other = this.#points[i]!
      let q = 0
      let sum = 0
      for (let k = 0; k < d; k += 1, at += 1) {
        const own = squaredDistance(this.#isChoice[k]!, point[k]!, other[k]!) * this.#scales[k]!
        const decay = own === 0 ? 1 : maternDecay(own)
        q += own
        sum += matern(own, decay)
        if (wantsSlopes) this.#slopes[at] = share * maternSlope(own, decay)
      }
      const decay = maternDecay(q)
      this.#cross[i] = share * sum + joint * matern(q, decay) + MEAN_VARIANCE
      if (!wantsSlopes) continue
      const jointSlope = joint * maternSlope(q, decay)
      for (let k = at - d; k < at; k += 1) this.#slopes[k]! += jointSlope
    }
  }

  #solvedTargets(): Float64Array {
    if (this.#weights === undefined) {
      this.#weights = Float64Array.from(this.#targets)
      solveLower(this.#factor, this.#weights)
      solveUpper(this.#factor, this.#weights)
    }
    return this.#weights
  }

  /** The mean at each of the observed points. */
  fitted(): Float64Array {
    const weights = this.#solvedTargets()
    // K (K + noise)^-1 y = y - noise (K + noise)^-1 y
    return Float64Array.from(
      this.#targets,
      (target, i) => target - (this.#kernel.noise + this.#variances[i]!) * weights[i]!,
    )
  }

  /** @param wantsSlopes to be able to call `chain` with what is predicted */
  predict(point: Float64Array, wantsSlopes = false): Prediction {
    const weights = this.#solvedTargets()
    this.#covariances(point, wantsSlopes)
    this.#solved.set(this.#cross)
    solveLower(this.#factor, this.#solved)
    let mean = 0
    let variance = this.#variance
    for (let i = 0; i < this.#points.length; i += 1) {
      mean += this.#cross[i]! * weights[i]!
      variance -= this.#solved[i]! * this.#solved[i]!
    }
    // At an observed point what is left of the difference is rounding.
    return { mean, deviation: Math.sqrt(Math.max(variance, 1e-12 * this.#variance)) }
  }

  /**
   * The derivatives of a function of mean and deviation by the coordinates of the point that was predicted last; 0 for
   * choices and inactive parameters.
   */
  chain(
    point: Float64Array,
    { deviation }: Prediction,
    { byMean, byDeviation }: { readonly byMean: number; readonly byDeviation: number },
    gradient: Float64Array,
  ): void {
    const d = this.#isChoice.length
    const weights = this.#solvedTargets()
    const solved = this.#solved.slice()
    solveUpper(this.#factor, solved)
    gradient.fill(0)
    for (let i = 0, at = 0; i < this.#points.length; i += 1) {
      const other = this.#points[i]!
      const byCovariance = byMean * weights[i]! - (byDeviation / deviation) * solved[i]!
      for (let k = 0; k < d; k += 1, at += 1) {
        if (this.#isChoice[k]! || Number.isNaN(point[k]!)) continue
        const difference = point[k]! - (Number.isNaN(other[k]!) ? 0.5 : other[k]!)
        gradient[k]! -= byCovariance * 2 * this.#slopes[at]! * difference * this.#scales[k]!
      }
    }
  }
}
