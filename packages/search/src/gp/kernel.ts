import { exactExp } from '../exact-math.ts'

/** What the covariance of two configs depends on, beside the configs; all above 0. */
export interface KernelParameters {
  /** By axis, as shares of the unit interval; for choices, of the distance 1 between any two values. */
  readonly lengthscales: Float64Array
  /** Variance of what each parameter adds by itself, all parameters together. */
  readonly additive: number
  /** Variance of what parameters do together. */
  readonly joint: number
  /** Variance of the noise. */
  readonly noise: number
}

/** Variance of the mean of the process: trials gather where losses are low, so the mean of theirs is not that of the space. */
export const MEAN_VARIANCE = 1

/** How far an inactive parameter lies beside the middle of its axis. */
const BESIDE = 0.5

/**
 * Squared distance along one axis. Values of a choice are all as far from each other. An inactive parameter (NaN) is
 * alike only to itself: a point beside the axis, equally far from both ends. Distances in a plane keep the kernel
 * positive definite, which one and the same distance to every active value would not.
 */
export function squaredDistance(isChoice: boolean, a: number, b: number): number {
  if (isChoice) return a === b || (Number.isNaN(a) && Number.isNaN(b)) ? 0 : 1
  const difference = a - b
  if (!Number.isNaN(difference)) return difference * difference
  if (Number.isNaN(a) && Number.isNaN(b)) return 0
  const fromMiddle = (Number.isNaN(a) ? b : a) - 0.5
  return fromMiddle * fromMiddle + BESIDE * BESIDE
}

/**
 * The Matern kernel with smoothness 5/2, 1 at distance 0 (Rasmussen and Williams 2006, "Gaussian processes for machine
 * learning", equation 4.17).
 *
 * @param q squared distance in lengthscales
 * @param decay of the same q
 */
export function matern(q: number, decay: number): number {
  return (1 + Math.sqrt(5 * q) + (5 / 3) * q) * decay
}

/** Minus the derivative of `matern` by q. */
export function maternSlope(q: number, decay: number): number {
  return (5 / 6) * (1 + Math.sqrt(5 * q)) * decay
}

const CELLS = 32
/** Beyond, a covariance is below the rounding of the variance. */
const FURTHEST = 40
const decays = Float64Array.from({ length: CELLS * FURTHEST }, (_, cell) => exactExp(-cell / CELLS))

/**
 * exp(-s) with s = sqrt(5 q), of which kernel and slope are made. A suggestion takes a million of them: read off a table
 * with a short series they need less than half of the time that `exactExp` takes, and agree with it to 14 digits.
 */
export function maternDecay(q: number): number {
  const s = Math.sqrt(5 * q)
  if (s >= FURTHEST) return 0
  const cell = Math.floor(s * CELLS)
  const r = s - cell / CELLS
  return decays[cell]! * (1 - r * (1 - r * (1 / 2 - r * (1 / 6 - r * (1 / 24 - r * (1 / 120 - r / 720))))))
}
