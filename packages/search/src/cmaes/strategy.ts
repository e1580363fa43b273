import { exactLog } from '../exact-math.ts'

/** The strategy parameters of CMA-ES for a number of coordinates and a population size; names as in the tutorial. */
export interface Strategy {
  readonly size: number
  readonly lambda: number
  /** Recombination weights by rank, best first: those of the better half sum to 1, the others are negative. */
  readonly weights: Float64Array
  readonly muEff: number
  readonly cSigma: number
  readonly dSigma: number
  readonly cc: number
  readonly c1: number
  readonly cMu: number
  /** Mean length of a standard normal vector. */
  readonly chi: number
  /** The covariance matrix is kept diagonal. */
  readonly isDiagonal: boolean
}

/** Above so many coordinates a full matrix learns too slowly, and its eigenvectors take too long, for what is gained. */
const MOST_FULL = 60

/**
 * How many trials make a generation. Hansen's default is 4 + 3 ln n; sweeps are short, and one generation more in a
 * hundred trials is worth more than surer steps (docs/search/cmaes.md). Every restart doubles it (Auger and Hansen 2005,
 * "A restart CMA evolution strategy with increasing population size").
 *
 * @param axes how many parameters there are to learn, choices included
 */
export function populationSize(axes: number, restarts: number): number {
  return (4 + Math.floor(2 * exactLog(Math.max(1, axes)))) * 2 ** restarts
}

/**
 * The defaults of Hansen 2016, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772, Table 1 and equations 49 to
 * 58. For a diagonal matrix cMu is larger by (n + 2) / 3 (Ros and Hansen 2008, "A simple modification in CMA-ES
 * achieving linear time and space complexity").
 *
 * @param size how many numeric coordinates there are
 * @param lambda population size, at least 2
 */
export function strategyOf(size: number, lambda: number): Strategy {
  const n = Math.max(1, size)
  const isDiagonal = size > MOST_FULL
  const raw = Float64Array.from({ length: lambda }, (_, i) => exactLog((lambda + 1) / 2) - exactLog(i + 1))
  const mu = Math.floor(lambda / 2)
  const muEff = effectiveSize(raw.subarray(0, mu))
  const muEffMinus = effectiveSize(raw.subarray(mu))
  const cc = (4 + muEff / n) / (n + 4 + (2 * muEff) / n)
  const cSigma = (muEff + 2) / (n + muEff + 5)
  const dSigma = 1 + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1) + cSigma
  const c1 = 2 / ((n + 1.3) * (n + 1.3) + muEff)
  const rankMu = (2 * (0.25 + muEff + 1 / muEff - 2)) / ((n + 2) * (n + 2) + muEff)
  const cMu = Math.min(1 - c1, isDiagonal ? (rankMu * (n + 2)) / 3 : rankMu)
  const negative = Math.min(1 + c1 / cMu, 1 + (2 * muEffMinus) / (muEff + 2), (1 - c1 - cMu) / (n * cMu))
  const positiveSum = total(raw.subarray(0, mu))
  const negativeSum = -total(raw.subarray(mu))
  const weights = raw.map((weight, i) => (i < mu ? weight / positiveSum : (negative * weight) / negativeSum))
  const chi = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
  return { size, lambda, weights, muEff, cSigma, dSigma, cc, c1, cMu, chi, isDiagonal }
}

function effectiveSize(weights: Float64Array): number {
  const sum = total(weights)
  return (sum * sum) / weights.reduce((squares, weight) => squares + weight * weight, 0)
}

function total(weights: Float64Array): number {
  return weights.reduce((sum, weight) => sum + weight, 0)
}
