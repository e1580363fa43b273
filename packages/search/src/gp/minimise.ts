/** A function and its gradient at x; the gradient is written into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number

export interface Bounds {
  readonly low: Float64Array
  readonly high: Float64Array
}

/** Steps and changes of the gradient that are remembered. */
const MEMORY = 8
/** Armijo's condition: so much of the decrease that the slope promises must come. */
const SUFFICIENT = 1e-4
const BACKTRACKS = 20

/**
 * A local minimum within bounds: L-BFGS (Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.5), made
 * to respect bounds by projection: coordinates that a bound holds are left out of the direction, and a step that leaves
 * the box is cut off coordinate by coordinate (Bertsekas 1982, "Projected Newton methods", section 2).
 *
 * @param start overwritten with the minimum
 * @param tolerance it ends once an iteration gains less than this
 * @returns the value there; where the objective is not a number at `start`, that
 */
export function minimise(
  objective: Objective,
  start: Float64Array,
  { low, high }: Bounds,
  iterations: number,
  tolerance: number,
): number {
  const d = start.length
  const x = start
  const gradient = new Float64Array(d)
  const nextX = new Float64Array(d)
  const nextGradient = new Float64Array(d)
  const direction = new Float64Array(d)
  const memory: { step: Float64Array; change: Float64Array; curvature: number }[] = []
  let value = objective(x, gradient)
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    const isHeld = (k: number) => (gradient[k]! > 0 && x[k]! <= low[k]!) || (gradient[k]! < 0 && x[k]! >= high[k]!)
    for (let k = 0; k < d; k += 1) direction[k] = isHeld(k) ? 0 : -gradient[k]!
    applyInverseHessian(memory, direction)
    for (let k = 0; k < d; k += 1) if (isHeld(k)) direction[k] = 0
    let slope = inner(gradient, direction)
    if (!(slope < 0)) {
      memory.length = 0
      for (let k = 0; k < d; k += 1) direction[k] = isHeld(k) ? 0 : -gradient[k]!
      slope = inner(gradient, direction)
      if (!(slope < 0)) break
    }
    // Nothing is known of the scale at first, so the first step is no longer than a tenth of a unit.
    let size = memory.length > 0 ? 1 : Math.min(1, 0.1 / Math.sqrt(-slope))
    let nextValue = Number.NaN
    for (let tries = 0; tries < BACKTRACKS; tries += 1, size /= 3) {
      for (let k = 0; k < d; k += 1) nextX[k] = Math.min(high[k]!, Math.max(low[k]!, x[k]! + size * direction[k]!))
      nextValue = objective(nextX, nextGradient)
      let promised = 0
      for (let k = 0; k < d; k += 1) promised += gradient[k]! * (nextX[k]! - x[k]!)
      if (nextValue <= value + SUFFICIENT * promised) break
      nextValue = Number.NaN
    }
    if (Number.isNaN(nextValue)) {
      if (memory.length === 0) break
      memory.length = 0
      continue
    }
    const step = nextX.map((next, k) => next - x[k]!)
    const change = nextGradient.map((next, k) => next - gradient[k]!)
    const curvature = inner(step, change)
    if (curvature > 1e-12 * inner(change, change)) {
      memory.push({ step, change, curvature })
      if (memory.length > MEMORY) memory.shift()
    }
    const gain = value - nextValue
    x.set(nextX)
    gradient.set(nextGradient)
    value = nextValue
    if (gain < tolerance) break
  }
  return value
}

/** Multiplies by the approximate inverse of the Hessian, by the two-loop recursion (Nocedal and Wright, algorithm 7.4). */
function applyInverseHessian(
  memory: readonly { readonly step: Float64Array; readonly change: Float64Array; readonly curvature: number }[],
  vector: Float64Array,
): void {
  const last = memory.at(-1)
  if (last === undefined) return
  const weights = new Float64Array(memory.length)
  for (let m = memory.length - 1; m >= 0; m -= 1) {
    const { step, change, curvature } = memory[m]!
    weights[m] = inner(step, vector) / curvature
    for (let k = 0; k < vector.length; k += 1) vector[k]! -= weights[m]! * change[k]!
  }
  const scale = last.curvature / inner(last.change, last.change)
  for (let k = 0; k < vector.length; k += 1) vector[k]! *= scale
  for (const [m, { step, change, curvature }] of memory.entries()) {
    const correction = weights[m]! - inner(change, vector) / curvature
    for (let k = 0; k < vector.length; k += 1) vector[k]! += correction * step[k]!
  }
}

function inner(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k += 1) sum += a[k]! * b[k]!
  return sum
}
