import { nonDominatedRanks } from './non-dominated.ts'

/**
 * How far apart the neighbours of each vector are: the sum over the objectives of the distance between those next to it,
 * as a share of the range; infinite for the lowest and highest of an objective (Deb et al. 2002, section III-B).
 *
 * @param losses vectors of one front, finite
 */
export function crowdingDistances(losses: readonly (readonly number[])[]): number[] {
  const distances = new Array<number>(losses.length).fill(0)
  for (const k of losses[0]?.keys() ?? []) {
    const order = [...losses.keys()].sort((i, j) => losses[i]![k]! - losses[j]![k]! || i - j)
    // In halves, because losses may lie further apart than the largest double.
    const at = (place: number) => losses[order[place]!]![k]! / 2
    const range = at(order.length - 1) - at(0)
    // All are the same in this objective, so it tells none from another.
    if (range === 0) continue
    distances[order[0]!] = Number.POSITIVE_INFINITY
    distances[order.at(-1)!] = Number.POSITIVE_INFINITY
    for (let place = 1; place < order.length - 1; place += 1) {
      distances[order[place]!]! += (at(place + 1) - at(place - 1)) / range
    }
  }
  return distances
}

/** Where a vector stands among others. */
export interface Placed {
  readonly index: number
  /** Its non-dominated rank, from 0. */
  readonly rank: number
}

/**
 * The vectors in the order of NSGA-II's crowded comparison (Deb et al. 2002, section III-B): by non-dominated rank, within
 * a rank those with more room around them first. Ties by index.
 */
export function crowdedOrder(losses: readonly (readonly number[])[]): Placed[] {
  const ranks = nonDominatedRanks(losses)
  const fronts: number[][] = Array.from(
    { length: 1 + ranks.reduce((most, rank) => Math.max(most, rank), -1) },
    () => [],
  )
  for (const [index, rank] of ranks.entries()) fronts[rank]!.push(index)
  return fronts.flatMap((front, rank) => {
    const distances = crowdingDistances(front.map((index) => losses[index]!))
    return [...front.keys()]
      .sort((i, j) => (distances[i] === distances[j] ? i - j : distances[j]! - distances[i]!))
      .map((i) => ({ index: front[i]!, rank }))
  })
}
