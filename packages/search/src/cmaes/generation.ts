import { type Observations, standingOf } from '../observations/observations.ts'
import type { Strategy } from './strategy.ts'

/** Trials of one generation, best first; trials that are equally good have the same place. */
export interface Ranked {
  readonly trial: number
  readonly place: Place
}

/** Who came further comes first, then who has the lower loss there; those that failed come last. */
type Place = readonly [hasFailed: number, shortfall: number, loss: number]

export function ranked(observations: Observations, trials: readonly number[]): readonly Ranked[] {
  return trials
    .map((trial) => ({ trial, place: placeOf(observations, trial) }))
    .sort((a, b) => comparePlaces(a.place, b.place) || a.trial - b.trial)
}

function placeOf(observations: Observations, trial: number): Place {
  const standing = standingOf(observations, trial)
  return standing === undefined || standing === 'failed' ? [1, 0, 0] : [0, -standing.level, standing.loss]
}

export function comparePlaces(a: Place, b: Place): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}

export interface RankWeights {
  /** For the covariance matrix; some are negative. */
  readonly weights: Float64Array
  /** For the mean; they sum to 1. */
  readonly means: Float64Array
}

/** The weights of a generation by rank, in which equals share alike: on a plateau the order would be that of the numbers. */
export function rankWeights({ weights }: Strategy, trials: readonly Ranked[]): RankWeights {
  const means = weights.map((weight) => Math.max(0, weight))
  const shared = { weights: weights.slice(), means }
  for (let begin = 0, end = 1; begin < trials.length; begin = end, end += 1) {
    while (end < trials.length && comparePlaces(trials[begin]!.place, trials[end]!.place) === 0) end += 1
    for (const list of [shared.weights, shared.means]) {
      const sum = list.subarray(begin, end).reduce((total, weight) => total + weight, 0)
      list.fill(sum / (end - begin), begin, end)
    }
  }
  return shared
}

/** Hansen 2016, arXiv 1604.00772, "Flat fitness": it counts as flat when the best equals what has rank 0.7 lambda. */
export function isFlat(trials: readonly Ranked[]): boolean {
  const late = trials[Math.ceil(0.7 * trials.length) - 1]!
  return comparePlaces(trials[0]!.place, late.place) === 0
}
