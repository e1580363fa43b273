import { countBefore, find, insert, remove, select, type Tree, treeSize } from './tree.ts'

/**
 * Trials by loss, lowest first, ties by trial number; each trial at most once. Never changes: `withTrial` and
 * `withoutTrial` give a new ranking, each at the cost of a logarithm.
 */
export interface Ranking {
  /** Keys (loss, trial). */
  readonly order: Tree<undefined>
  /** Key trial, value its loss. */
  readonly losses: Tree<number>
}

export const emptyRanking: Ranking = { order: undefined, losses: undefined }

export function rankingSize({ order }: Ranking): number {
  return treeSize(order)
}

/** Enters a trial with this loss (not NaN; the worst is Infinity), in place of what it had. */
export function withTrial(ranking: Ranking, trial: number, loss: number): Ranking {
  const before = find(ranking.losses, trial)
  if (before === loss) return ranking
  const order = before === undefined ? ranking.order : remove(ranking.order, before, trial)
  return { order: insert(order, loss, trial, undefined), losses: insert(ranking.losses, trial, 0, loss) }
}

export function withoutTrial(ranking: Ranking, trial: number): Ranking {
  const loss = find(ranking.losses, trial)
  if (loss === undefined) return ranking
  return { order: remove(ranking.order, loss, trial), losses: remove(ranking.losses, trial) }
}

/** 1 for the best; undefined when the trial is not ranked. */
export function rankOf(ranking: Ranking, trial: number): number | undefined {
  const loss = find(ranking.losses, trial)
  return loss === undefined ? undefined : countBefore(ranking.order, loss, trial) + 1
}

/** The loss with `index` others before it, from 0. */
export function lossAt({ order }: Ranking, index: number): number | undefined {
  return select(order, index)?.a
}
