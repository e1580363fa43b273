import type { Observations } from '../observations/observations.ts'
import type { RankedTrials } from '../observations/ranked-trials.ts'
import { find } from '../persistent/tree.ts'

/** Trials to fit a model to, best first. */
export interface LearnedTrials {
  readonly points: readonly Float64Array[]
  readonly losses: readonly number[]
  /** Standard error of each loss, as far as it is known beside the noise that all have; 0 otherwise. */
  readonly spreads: readonly number[]
}

/**
 * At most so many of the trials that have shown something. One that came less far than those compared, as a pruned one
 * does, counts as no better than their median: its loss is of an earlier step, and left out, the model would go there
 * again. One that failed or breaks constraints counts as the worst loss seen: far enough to keep away, and not so far that it
 * is all the model sees.
 */
export function learnedTrials(observations: Observations, ranked: RankedTrials, most: number): LearnedTrials {
  const median = ranked.at(ranked.compared >> 1)!.loss
  const points: Float64Array[] = []
  const losses: number[] = []
  const spreads: number[] = []
  let worst = ranked.at(ranked.compared - 1)!.loss
  for (const rank of shownRanks(ranked.length, most)) {
    const { trial, place, loss } = ranked.at(rank)!
    const point = find(observations.coordinates, trial)
    if (point === undefined) continue
    const learned = place === 'compared' ? loss : place === 'behind' ? Math.max(loss, median) : worst
    // What is infeasible or failed comes last.
    worst = Math.max(worst, learned)
    points.push(point)
    losses.push(learned)
    spreads.push(place === 'compared' ? (find(observations.spreads, trial) ?? 0) : 0)
  }
  return { points, losses, spreads }
}

/** All ranks, or where they are too many the best half of `most`, and as many spread evenly over the others. */
export function shownRanks(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, rank) => rank)
  const best = most >> 1
  const others = most - best
  const stride = (count - best) / others
  return Array.from({ length: most }, (_, i) => (i < best ? i : best + Math.floor((i - best + 0.5) * stride)))
}
