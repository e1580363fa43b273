import type { Axis } from '../axis.ts'

/**
 * One parameter cut into bins, between which a tree can split. Bins of a choice are its values, in the order of the
 * list; those of a number lie between the values that were tried.
 */
export interface Bins {
  readonly axis: Axis
  readonly count: number
  /** Probability that a drawn config lies in each bin; they sum to 1. */
  readonly mass: Float64Array
  /** The middle of each bin on the axis; of a choice its index. */
  readonly middle: Float64Array
  /** The bin of every trial. */
  readonly codes: Uint16Array
}

/** Of a number. More would tell apart what a few hundred trials can't. */
const MOST_BINS = 64

/** @param coordinates of the trials on the axis, without NaN */
export function binsOf(axis: Axis, coordinates: Float64Array): Bins {
  if (axis.kind === 'choice') {
    return {
      axis,
      count: axis.values.length,
      mass: Float64Array.from(axis.probabilities),
      middle: Float64Array.from(axis.values.keys()),
      codes: Uint16Array.from(coordinates),
    }
  }
  const edges = edgesBetween(coordinates)
  const count = edges.length - 1
  return {
    axis,
    count,
    mass: Float64Array.from({ length: count }, (_, bin) => edges[bin + 1]! - edges[bin]!),
    middle: Float64Array.from({ length: count }, (_, bin) => (edges[bin]! + edges[bin + 1]!) / 2),
    codes: Uint16Array.from(coordinates, (x) => binAt(edges, x)),
  }
}

/** From 0 to 1, with an edge halfway between neighbours that were tried, in equal shares where those are too many. */
function edgesBetween(coordinates: Float64Array): number[] {
  const sorted = coordinates.toSorted()
  const least = sorted.length / MOST_BINS
  const edges = [0]
  let begin = 0
  for (let i = 1; i < sorted.length; i += 1) {
    // Equal values stay together, so a bin may be larger than its share and the next one begins later.
    if (sorted[i] === sorted[i - 1] || i - begin < least) continue
    edges.push((sorted[i]! + sorted[i - 1]!) / 2)
    begin = i
  }
  return [...edges, 1]
}

/** The last bin whose lower edge is not above `x`. */
function binAt(edges: readonly number[], x: number): number {
  let low = 0
  let high = edges.length - 2
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (edges[middle]! <= x) low = middle
    else high = middle - 1
  }
  return low
}
