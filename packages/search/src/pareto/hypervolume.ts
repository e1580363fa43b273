import { nonDominatedRanks } from './non-dominated.ts'

type Vectors = readonly (readonly number[])[]

/**
 * The volume that vectors of losses dominate up to a reference point: the larger, the better and the more widely spread
 * they are. Exact: a sweep for two objectives, the WFG algorithm for more (While, Bradstreet and Barone 2012, "A fast way of
 * calculating exact hypervolumes", section III). Vectors that are not below the reference everywhere add nothing.
 *
 * @param reference a loss of each objective, worse than what is of interest
 */
export function hypervolume(losses: Vectors, reference: readonly number[]): number {
  const inside = losses.filter((vector) => vector.every((loss, k) => loss < reference[k]!))
  return volumeOf(frontOf(inside), reference)
}

/**
 * How much each vector adds to the hypervolume of all: what none of the others dominates. 0 for those that are dominated,
 * or outside the reference, or there twice.
 */
export function hypervolumeContributions(losses: Vectors, reference: readonly number[]): number[] {
  return losses.map((vector, i) =>
    vector.every((loss, k) => loss < reference[k]!)
      ? exclusiveVolume(vector, [...losses.slice(0, i), ...losses.slice(i + 1)], reference)
      : 0,
  )
}

/** Those that none dominates, each once. */
function frontOf(losses: Vectors): Vectors {
  const ranks = nonDominatedRanks(losses)
  const isFirst = (vector: readonly number[], i: number) =>
    losses.findIndex((other) => other.every((loss, k) => loss === vector[k])) === i
  return losses.filter((vector, i) => ranks[i] === 0 && isFirst(vector, i))
}

/** @param front vectors below the reference of which none dominates another one */
function volumeOf(front: Vectors, reference: readonly number[]): number {
  const last = reference.length - 1
  const depthOf = (vector: readonly number[]) => reference[last]! - vector[last]!
  if (last === 0) return front.reduce((most, vector) => Math.max(most, depthOf(vector)), 0)
  // The worst in the last objective first: what it adds to those after it is as deep as it is itself.
  const sorted = [...front].sort((a, b) => b[last]! - a[last]!)
  if (last === 1) return sweep(sorted, reference)
  const flat = sorted.map((vector) => vector.slice(0, last))
  return flat.reduce(
    (sum, vector, i) =>
      sum + depthOf(sorted[i]!) * exclusiveVolume(vector, flat.slice(i + 1), reference.slice(0, last)),
    0,
  )
}

/** What a vector dominates and the others do not. */
export function exclusiveVolume(vector: readonly number[], others: Vectors, reference: readonly number[]): number {
  const all = vector.reduce((product, loss, k) => product * (reference[k]! - loss), 1)
  // What of the others lies where the vector dominates too.
  const limited = others.map((other) => other.map((loss, k) => Math.max(loss, vector[k]!)))
  return all - hypervolume(limited, reference)
}

/** @param front worst in the second objective first, so best in the first one first */
function sweep(front: Vectors, [right, top]: readonly number[]): number {
  let area = 0
  let ceiling = top!
  for (const [x, y] of front) {
    area += (right! - x!) * (ceiling - y!)
    ceiling = y!
  }
  return area
}
