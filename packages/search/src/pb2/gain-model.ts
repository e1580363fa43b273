import { exactExp, exactLog } from '../exact-math.ts'
import { factor, factorRow, solveLower, solveUpper } from '../gp/cholesky.ts'
import { matern, maternDecay, squaredDistance } from '../gp/kernel.ts'

/** A config at a time. */
export interface Moment {
  /** Coordinates by axis, NaN where inactive. */
  readonly point: Float64Array
  /** In intervals since the beginning of the training. */
  readonly time: number
}

/** What the covariance of two moments depends on. */
interface Kernel {
  /** As shares of the unit interval, the same for all axes. */
  readonly lengthscale: number
  /** Epsilon of the paper: 0 where nothing changes with time, 1 where one interval tells nothing of the next. */
  readonly forgetting: number
  /** Variance of the noise, in units of that of the process. */
  readonly noise: number
}

/** Values that are tried for each; lengthscales for one axis, on d axes sqrt(d) times as much. */
const LENGTHSCALES = [0.1, 0.2, 0.4, 0.8]
const FORGETTING = [0, 0.05, 0.2, 0.5]
const NOISES = [0.01, 0.1, 1]
const LEAST_VARIANCE = 1e-6

/**
 * A Gaussian process of which what is further back tells less: PB2's kernel k(x, x') (1 - epsilon)^(|t - t'| / 2)
 * (Parker-Holder, Nguyen and Roberts 2020, arXiv 2002.02518, section 4.1; Bogunovic, Scarlett and Cevher 2016), with the
 * Matern kernel for k. Of some values of lengthscale, epsilon and noise it takes those that make the targets likeliest,
 * with the variance that suits each best.
 */
export class GainModel {
  readonly #isChoice: readonly boolean[]
  readonly #moments: Moment[]
  readonly #targets: number[]
  #kernel: Kernel = { lengthscale: 1, forgetting: 0, noise: 1 }
  #variance = 0
  #factor: Float64Array[] = []
  #weights = new Float64Array(0)

  /** @param targets with mean 0 and variance 1, more or less; at least one */
  constructor(isChoice: readonly boolean[], moments: readonly Moment[], targets: readonly number[]) {
    this.#isChoice = isChoice
    this.#moments = [...moments]
    this.#targets = [...targets]
    this.#fit()
  }

  /** Takes in a moment as if it had given what is expected of it, so that others keep their distance. */
  believe(moment: Moment): void {
    const row = [...this.#covariances(moment), 1 + this.#kernel.noise]
    this.#targets.push(this.predict(moment).mean)
    this.#moments.push(moment)
    this.#factor.push(Float64Array.from(row))
    factorRow(this.#factor, this.#factor.length - 1)
    this.#weigh()
  }

  predict(moment: Moment): { readonly mean: number; readonly deviation: number } {
    const cross = this.#covariances(moment)
    let mean = 0
    for (let i = 0; i < cross.length; i += 1) mean += cross[i]! * this.#weights[i]!
    solveLower(this.#factor, cross)
    const left = cross.reduce((rest, solved) => rest - solved * solved, 1)
    return { mean, deviation: Math.sqrt(this.#variance * Math.max(left, 1e-12)) }
  }

  #fit(): void {
    const scale = Math.sqrt(Math.max(1, this.#isChoice.length))
    const squares = this.#pairs((a, b) => this.#squaredDistance(a, b))
    const times = this.#pairs((a, b) => Math.abs(a.time - b.time))
    const memories = FORGETTING.map((forgetting) => ({
      forgetting,
      kept: times.map((row) => row.map((time) => keptAfter(time, forgetting))),
    }))
    let likeliest = Number.NEGATIVE_INFINITY
    for (const share of LENGTHSCALES) {
      const lengthscale = share * scale
      const alike = squares.map((row) => row.map((square) => correlation(square, lengthscale)))
      for (const { forgetting, kept } of memories) {
        for (const noise of NOISES) {
          const rows = alike.map((row, i) => row.map((one, j) => one * kept[i]![j]! + (j === i ? noise : 0)))
          if (!factor(rows)) continue
          const { likelihood, variance } = likelihoodOf(rows, this.#targets)
          if (likelihood <= likeliest) continue
          likeliest = likelihood
          this.#kernel = { lengthscale, forgetting, noise }
          this.#variance = variance
          this.#factor = rows
        }
      }
    }
    this.#weigh()
  }

  #pairs(of: (a: Moment, b: Moment) => number): Float64Array[] {
    return this.#moments.map((a, i) => Float64Array.from({ length: i + 1 }, (_, j) => of(a, this.#moments[j]!)))
  }

  #weigh(): void {
    this.#weights = Float64Array.from(this.#targets)
    solveLower(this.#factor, this.#weights)
    solveUpper(this.#factor, this.#weights)
  }

  #covariances(moment: Moment): Float64Array {
    const { lengthscale, forgetting } = this.#kernel
    return Float64Array.from(this.#moments, (other) => {
      const kept = keptAfter(Math.abs(moment.time - other.time), forgetting)
      return correlation(this.#squaredDistance(moment, other), lengthscale) * kept
    })
  }

  #squaredDistance({ point }: Moment, other: Moment): number {
    let sum = 0
    for (let k = 0; k < point.length; k += 1) sum += squaredDistance(this.#isChoice[k]!, point[k]!, other.point[k]!)
    return sum
  }
}

function correlation(square: number, lengthscale: number): number {
  const q = square / (lengthscale * lengthscale)
  return matern(q, maternDecay(q))
}

/** @param time in intervals */
function keptAfter(time: number, forgetting: number): number {
  return forgetting === 0 ? 1 : exactExp(0.5 * time * exactLog(1 - forgetting))
}

/** The log of the marginal likelihood of targets, up to a constant, with the variance by which it is highest. */
function likelihoodOf(factored: readonly Float64Array[], targets: readonly number[]) {
  const solved = Float64Array.from(targets)
  solveLower(factored, solved)
  const n = targets.length
  const variance = Math.max(LEAST_VARIANCE, solved.reduce((sum, one) => sum + one * one, 0) / n)
  const logDeterminant = factored.reduce((sum, row, i) => sum + exactLog(row[i]!), 0)
  return { variance, likelihood: -0.5 * n * exactLog(variance) - logDeterminant }
}
