import { lossAtPercentile } from '../percentile/loss-at-percentile.ts'
import { emptyRanking, type Ranking, withTrial } from '../persistent/ranking.ts'
import type { CurvePrior } from './ending.ts'

/** What trials that completed tell of one that runs. Only those that ended at a finite loss. */
export interface CompletedTrials {
  /** The losses that stand for them. */
  readonly ends: Ranking
  /** By how much that is below the first loss. */
  readonly drops: Ranking
  /** The highest resource of any. */
  readonly longest: number
}

export const noneCompleted: CompletedTrials = { ends: emptyRanking, drops: emptyRanking, longest: 0 }

export function withCompleted(
  completed: CompletedTrials,
  trial: number,
  { first, end, resource }: { first: number; end: number; resource: number },
): CompletedTrials {
  return {
    ends: withTrial(completed.ends, trial, end),
    drops: withTrial(completed.drops, trial, first - end),
    longest: Math.max(completed.longest, resource),
  }
}

/** Undefined while all losses are the same, so that there is nothing to measure by. At least one trial must be there. */
export function priorOf({ ends, drops }: CompletedTrials): CurvePrior | undefined {
  const drop = lossAtPercentile(drops, 50)
  const endSpread = spreadOf(ends)
  const dropSpread = spreadOf(drops)
  const scale = Math.max(Math.abs(drop), endSpread, dropSpread)
  return scale > 0 ? { scale, end: lossAtPercentile(ends, 50), endSpread, drop, dropSpread } : undefined
}

/** The standard deviation of a normal distribution with these quartiles: a few diverged trials do not move it. */
function spreadOf(ranking: Ranking): number {
  return (lossAtPercentile(ranking, 75) - lossAtPercentile(ranking, 25)) / 1.349
}
