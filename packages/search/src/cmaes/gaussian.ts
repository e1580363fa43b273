import { exactExp } from '../exact-math.ts'
import type { Rng } from '../rng.ts'
import type { Strategy } from './strategy.ts'
import { identity, symmetricEigen } from './symmetric-eigen.ts'

/**
 * A normal distribution over unit coordinates: mean + sigma B D z, with C = B D² Bᵀ, and the evolution paths that it
 * learns by. Never changes. Where the strategy keeps C diagonal, B is the identity and left out.
 */
export interface Gaussian {
  readonly mean: Float64Array
  /** Step size, as a share of the axes. */
  readonly sigma: number
  /** C row by row, or its diagonal alone. */
  readonly covariance: Float64Array
  readonly basis: Float64Array | undefined
  /** The diagonal of D: standard deviations along the columns of B, before sigma. */
  readonly lengths: Float64Array
  readonly sigmaPath: Float64Array
  readonly covariancePath: Float64Array
  /** (1 - cSigma)^(2g) after g updates. */
  readonly forgotten: number
}

export function startGaussian(mean: Float64Array, sigma: number, { size, isDiagonal }: Strategy): Gaussian {
  return {
    mean,
    sigma,
    covariance: isDiagonal ? new Float64Array(size).fill(1) : identity(size),
    basis: isDiagonal ? undefined : identity(size),
    lengths: new Float64Array(size).fill(1),
    sigmaPath: new Float64Array(size),
    covariancePath: new Float64Array(size),
    forgotten: 1,
  }
}

/** A random step from the mean, in units of sigma. */
export function drawStep({ basis, lengths }: Gaussian, rng: Rng): Float64Array {
  const z = lengths.map((length) => length * rng.normal())
  return basis === undefined ? z : multiply(basis, z)
}

/** Standard deviation of one coordinate. */
export function deviation({ sigma, covariance, basis, mean }: Gaussian, index: number): number {
  return sigma * Math.sqrt(covariance[basis === undefined ? index : index * (mean.length + 1)]!)
}

/** C^(-1/2) y = B D^-1 Bᵀ y. */
export function whiten({ basis, lengths }: Gaussian, y: Float64Array): Float64Array {
  if (basis === undefined) return y.map((yi, i) => yi / lengths[i]!)
  const n = y.length
  const along = new Float64Array(n)
  for (let i = 0; i < n; i += 1) for (let j = 0; j < n; j += 1) along[j]! += basis[i * n + j]! * y[i]!
  for (let j = 0; j < n; j += 1) along[j]! /= lengths[j]!
  return multiply(basis, along)
}

/**
 * One generation: Hansen 2016, arXiv 1604.00772, Figure 6 with equations 38 to 47.
 *
 * Points may come from anywhere: a config that somebody enqueued, a trial of an older generation that ended late, a
 * repaired point. Those further out than the distribution gives are pulled in to the length of Hansen 2011, "Injecting
 * external solutions into CMA-ES", arXiv 1110.4181 (c_y), which leaves nearly all of its own as they are.
 *
 * @param points unit coordinates of the generation
 * @param weights of those points, as `Strategy.weights` by rank
 * @param means the part of each weight that moves the mean; sums to 1
 */
export function updated(
  before: Gaussian,
  strategy: Strategy,
  points: readonly Float64Array[],
  weights: Float64Array,
  means: Float64Array,
): Gaussian {
  const { size: n, muEff, cSigma, dSigma, cc, c1, cMu, chi } = strategy
  if (n === 0) return before
  const longest = Math.sqrt(n) + (2 * n) / (n + 2)
  const squares = new Float64Array(points.length)
  const steps = points.map((point, k) => {
    const y = point.map((x, i) => (x - before.mean[i]!) / before.sigma)
    const length = Math.sqrt(squaredNorm(whiten(before, y)))
    squares[k] = Math.min(length, longest) ** 2
    return length > longest ? y.map((yi) => (yi * longest) / length) : y
  })
  const shift = new Float64Array(n)
  for (const [k, y] of steps.entries()) for (let i = 0; i < n; i += 1) shift[i]! += means[k]! * y[i]!

  const gain = Math.sqrt(cSigma * (2 - cSigma) * muEff)
  const whiteShift = whiten(before, shift)
  const sigmaPath = before.sigmaPath.map((p, i) => (1 - cSigma) * p + gain * whiteShift[i]!)
  const pathLength = Math.sqrt(squaredNorm(sigmaPath))
  const forgotten = before.forgotten * (1 - cSigma) * (1 - cSigma)
  const sigma = before.sigma * exactExp(Math.min(1, (cSigma / dSigma) * (pathLength / chi - 1)))
  // A path that is long because sigma is too small would make C grow instead.
  const isSteady = pathLength / Math.sqrt(1 - forgotten) < (1.4 + 2 / (n + 1)) * chi
  const pathGain = isSteady ? Math.sqrt(cc * (2 - cc) * muEff) : 0
  const covariancePath = before.covariancePath.map((p, i) => (1 - cc) * p + pathGain * shift[i]!)

  const kept = 1 + (isSteady ? 0 : c1 * cc * (2 - cc)) - c1 - cMu * weights.reduce((sum, weight) => sum + weight, 0)
  const covariance = before.covariance.map((entry) => kept * entry)
  addOuter(covariance, covariancePath, c1)
  for (const [k, y] of steps.entries()) {
    const weight = weights[k]!
    addOuter(covariance, y, cMu * (weight >= 0 ? weight : (weight * n) / Math.max(squares[k]!, 1e-12)))
  }
  return {
    ...decomposed(covariance, n),
    mean: before.mean.map((m, i) => m + before.sigma * shift[i]!),
    sigma,
    sigmaPath,
    covariancePath,
    forgotten,
  }
}

/** Adds weight * y yᵀ to a full matrix, or its diagonal to a diagonal one. The sum stays symmetric to the last bit. */
function addOuter(matrix: Float64Array, y: Float64Array, weight: number): void {
  const n = y.length
  if (matrix.length === n) for (let i = 0; i < n; i += 1) matrix[i]! += weight * y[i]! * y[i]!
  else for (let i = 0; i < n; i += 1) for (let j = 0; j < n; j += 1) matrix[i * n + j]! += weight * (y[i]! * y[j]!)
}

function decomposed(covariance: Float64Array, n: number): Pick<Gaussian, 'covariance' | 'basis' | 'lengths'> {
  if (covariance.length === n) return { covariance, basis: undefined, lengths: covariance.map(rootOf) }
  const { values, vectors } = symmetricEigen(covariance, n)
  return { covariance, basis: vectors, lengths: values.map(rootOf) }
}

/** Negative weights and rounding may take a variance to 0 or below; it then counts as next to nothing. */
function rootOf(variance: number): number {
  return Math.sqrt(Math.max(variance, 1e-20))
}

function multiply(matrix: Float64Array, vector: Float64Array): Float64Array {
  const n = vector.length
  const product = new Float64Array(n)
  for (let i = 0; i < n; i += 1) for (let j = 0; j < n; j += 1) product[i]! += matrix[i * n + j]! * vector[j]!
  return product
}

function squaredNorm(vector: Float64Array): number {
  return vector.reduce((sum, x) => sum + x * x, 0)
}

/** With each coordinate's deviation multiplied by its factor. */
export function scaled(gaussian: Gaussian, factors: Float64Array): Gaussian {
  const n = factors.length
  const covariance =
    gaussian.basis === undefined
      ? gaussian.covariance.map((entry, i) => entry * factors[i]! * factors[i]!)
      : gaussian.covariance.map((entry, at) => entry * (factors[Math.floor(at / n)]! * factors[at % n]!))
  return { ...gaussian, ...decomposed(covariance, n) }
}
