import { crowdedOrder } from '../pareto/crowding.ts'
import { entries, find, select, type Tree, treeSize } from '../persistent/tree.ts'
import { BELOW_LEVELS, INFEASIBLE, type Losses, type Observations } from './observations.ts'

/** Trials that a level needs before it is the one to learn from; with fewer the next lower one is. */
const LEAST_COMPARED = 12

/** A trial in the order of what it has shown. */
export interface RankedTrial {
  readonly trial: number
  /** `compared`: among those that all came to the same level, which `loss` is of; `behind`: came less far. */
  readonly place: 'compared' | 'behind' | 'infeasible' | 'failed'
  /** Infinity where nothing can be said. */
  readonly loss: number
  /** Of all objectives, where there are several and the trial can be compared. */
  readonly losses: Losses
  /** The non-dominated rank among those of its place, from 0, where there are `losses`. */
  readonly front?: number
}

/** Trials of one place, in their order. */
interface Part {
  readonly size: number
  at(index: number): RankedTrial
}

/**
 * All trials that have shown something, best first, as it stands now. The highest level with enough trials decides, as in
 * BOHB (Falkner et al. 2018, arXiv 1807.01774, section 4.1): first come those that reached it, by their loss there; then
 * those that came less far, the furthest first; then those that ended and break constraints, by how much (Deb et al. 2002,
 * "NSGA-II", section VI); then those that failed. Several objectives order trials of a level as NSGA-II does, by
 * non-dominated rank and then by how much room there is around them.
 */
export class RankedTrials {
  readonly length: number
  /** How many can be compared with each other. */
  readonly compared: number
  /** How many at the front were trained equally far: those compared and, when none came less far, the infeasible. */
  readonly equallyFar: number
  readonly #parts: readonly Part[]

  constructor({ reached, topped, failed }: Observations) {
    const chosen = comparedLevel(reached)
    const first = partOf('compared', find(reached, chosen))
    const behind = [...entries(topped)].reverse().filter(({ a: level }) => level < chosen && level !== INFEASIBLE)
    const infeasible = incomparable('infeasible', find(topped, INFEASIBLE))
    this.#parts = [
      first,
      ...behind.map(({ value: tree }) => partOf('behind', tree)),
      infeasible,
      incomparable('failed', failed),
    ]
    this.compared = first.size
    this.equallyFar = first.size + (behind.length === 0 ? infeasible.size : 0)
    this.length = this.#parts.reduce((sum, { size }) => sum + size, 0)
  }

  /** The one with `rank` better ones before it. */
  at(rank: number): RankedTrial | undefined {
    let left = rank
    for (const part of this.#parts) {
      if (left < part.size) return part.at(left)
      left -= part.size
    }
    return undefined
  }
}

function partOf(place: RankedTrial['place'], tree: Tree<Losses>): Part {
  return tree?.value === undefined ? byLoss(place, tree) : byFront(place, tree)
}

function byLoss(place: RankedTrial['place'], tree: Tree<Losses>): Part {
  return {
    size: treeSize(tree),
    at: (index) => {
      const { a: loss, b: trial } = select(tree, index)!
      return { trial, place, loss, losses: undefined }
    },
  }
}

/** Sorted when the first is asked for. */
function byFront(place: RankedTrial['place'], tree: Tree<Losses>): Part {
  let sorted: readonly RankedTrial[] | undefined
  return {
    size: treeSize(tree),
    at: (index) => {
      sorted ??= sortedByFront(place, tree)
      return sorted[index]!
    },
  }
}

function sortedByFront(place: RankedTrial['place'], tree: Tree<Losses>): readonly RankedTrial[] {
  const trials = [...entries(tree)]
    .map(({ a: loss, b: trial, value: losses }): RankedTrial => ({ trial, place, loss, losses }))
    // Ties go to the lower number.
    .sort((a, b) => a.trial - b.trial)
  return crowdedOrder(trials.map(({ losses }) => losses!)).map(({ index, rank: front }) => ({
    ...trials[index]!,
    front,
  }))
}

function incomparable(place: RankedTrial['place'], tree: Tree<unknown>): Part {
  return {
    size: treeSize(tree),
    at: (index) => ({ trial: select(tree, index)!.b, place, loss: Number.POSITIVE_INFINITY, losses: undefined }),
  }
}

/** The highest level with enough trials, or else the one with most; below the levels no two trials came equally far. */
function comparedLevel(reached: Observations['reached']): number {
  let chosen = { level: BELOW_LEVELS, size: 0 }
  for (const { a: level, value: tree } of [...entries(reached)].reverse()) {
    if (level <= BELOW_LEVELS) break
    const size = treeSize(tree)
    if (size >= LEAST_COMPARED) return level
    if (size > chosen.size) chosen = { level, size }
  }
  return chosen.level
}
