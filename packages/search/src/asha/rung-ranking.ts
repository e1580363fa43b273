import type { Metric } from '@sweep/spec/document/sweep-document'
import { fromLoss, lossInWords } from '../loss.ts'
import { crowdedOrder } from '../pareto/crowding.ts'
import { dominates } from '../pareto/non-dominated.ts'
import {
  emptyRanking,
  lossAt,
  type Ranking,
  rankingSize,
  rankOf,
  withoutTrial,
  withTrial,
} from '../persistent/ranking.ts'
import { entries, find, insert, remove, type Tree } from '../persistent/tree.ts'

/**
 * Trials by what they showed at a rung, as a value: with one objective by its loss, with several as NSGA-II orders them, by
 * non-dominated rank and then by how much room there is around them. Ties by trial number.
 */
export interface RungRanking {
  readonly byLoss: Ranking
  /** By trial, the losses of several objectives; empty where there is one. */
  readonly vectors: Tree<readonly number[]>
}

export const emptyRung: RungRanking = { byLoss: emptyRanking, vectors: undefined }

/** Enters a trial in place of what it had. @param losses of all objectives */
export function withLosses({ byLoss, vectors }: RungRanking, trial: number, losses: readonly number[]): RungRanking {
  return {
    byLoss: withTrial(byLoss, trial, losses[0]!),
    vectors: losses.length > 1 ? insert(vectors, trial, 0, losses) : vectors,
  }
}

export function withoutLosses({ byLoss, vectors }: RungRanking, trial: number): RungRanking {
  return { byLoss: withoutTrial(byLoss, trial), vectors: remove(vectors, trial) }
}

export function rungSize({ byLoss }: RungRanking): number {
  return rankingSize(byLoss)
}

/** 1 for the best; the trial must be ranked. With several objectives all of the rung are sorted when first asked. */
export function rankAtRung({ byLoss, vectors }: RungRanking, trial: number): number {
  return vectors === undefined ? rankOf(byLoss, trial)! : placesOf(vectors).get(trial)!.rank
}

interface Place {
  readonly rank: number
  /** The non-dominated rank, from 1 as people count. */
  readonly front: number
}

/** The orders of rungs: what never changes need not be sorted twice. */
const sorted = new WeakMap<object, ReadonlyMap<number, Place>>()

function placesOf(vectors: NonNullable<RungRanking['vectors']>): ReadonlyMap<number, Place> {
  const known = sorted.get(vectors)
  if (known !== undefined) return known
  const trials = [...entries(vectors)]
  const order = crowdedOrder(trials.map(({ value }) => value))
  const places = new Map(order.map(({ index, rank }, at) => [trials[index]!.a, { rank: at + 1, front: rank + 1 }]))
  sorted.set(vectors, places)
  return places
}

/** What a trial showed, in words: `0.41`, or `front 2, dominated by 3`. */
export function shownInWords({ byLoss, vectors }: RungRanking, trial: number, metric: Metric): string {
  if (vectors === undefined) return lossInWords(find(byLoss.losses, trial)!, metric)
  const own = find(vectors, trial)!
  const dominating = [...entries(vectors)].filter(({ value }) => dominates(value, own)).length
  return `front ${placesOf(vectors).get(trial)!.front}, dominated by ${dominating},`
}

/** The value that the last of so many places has; undefined where several objectives make no single one. */
export function thresholdAt({ byLoss, vectors }: RungRanking, places: number, metric: Metric): number | undefined {
  return vectors === undefined ? fromLoss(lossAt(byLoss, places - 1)!, metric) : undefined
}
