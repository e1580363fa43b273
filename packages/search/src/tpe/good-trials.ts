import { exactLog } from '../exact-math.ts'
import type { RankedTrial, RankedTrials } from '../observations/ranked-trials.ts'
import { hypervolumeContributions } from '../pareto/hypervolume.ts'
import { hypervolumeSubset } from '../pareto/hypervolume-subset.ts'

/** So many of the ended trials are good, and no more than 25. */
const GOOD_SHARE = 0.2
const MOST_GOOD = 25
/** Of the front that is good in part so many are looked at, those with most room around them. */
const MOST_CONSIDERED = 100
/** Beyond so many objectives a hypervolume takes too long. */
const MOST_OBJECTIVES = 4
/** The least weight of a good trial, as a share of the highest. */
const LEAST_WEIGHT = 0.1
/** How far beyond the worst of the good trials hypervolumes reach, as a share of their range in each objective. */
const BEYOND = 0.1

/** One of the good trials: its place in the order of all, and how much it counts. */
export interface Good {
  readonly rank: number
  readonly weight: number
}

/**
 * The trials of the good density. With one objective the first in the order, the better the more they count. With
 * several, front after front; of the last front that does not fit in whole, those that together dominate most hypervolume, and each counts by what it
 * alone dominates (Ozaki et al. 2022, "Multiobjective tree-structured Parzen estimator", JAIR 73, sections 4.1 and 4.2).
 * Trials that break constraints count as good only where too few do not, the nearest to the bounds first.
 */
export function goodTrials(ranked: RankedTrials): readonly Good[] {
  const wanted = Math.min(Math.ceil(GOOD_SHARE * ranked.length), MOST_GOOD, ranked.equallyFar || 1)
  const objectives = ranked.at(0)?.losses?.length ?? 1
  if (objectives === 1) return byRank(wanted)
  if (objectives > MOST_OBJECTIVES) return alike(0, wanted)
  const considered = fronts(ranked, wanted)
  const vectors = inUnit(considered.map(({ losses }) => losses!))
  const reference = new Array<number>(objectives).fill(1 + BEYOND)
  const chosen = chosenOf(considered, vectors, wanted, reference)
  const volumes = hypervolumeContributions(
    chosen.map((rank) => vectors[rank]!),
    reference,
  )
  const most = volumes.reduce((highest, volume) => Math.max(highest, volume), Number.MIN_VALUE)
  const good = chosen.map((rank, i) => ({ rank, weight: Math.max(LEAST_WEIGHT, volumes[i]! / most) }))
  return [...good, ...alike(considered.length, wanted - good.length)]
}

/**
 * Weights by rank as CMA-ES recombines its best (Hansen 2016, arXiv 1604.00772, appendix A), 1 on average: only the order
 * counts, so that a metric and its logarithm give the same.
 */
function byRank(count: number): Good[] {
  const raw = Array.from({ length: count }, (_, rank) => exactLog((count + 1) / (rank + 1)))
  const mean = raw.reduce((sum, one) => sum + one, 0) / count
  return raw.map((one, rank) => ({ rank, weight: one / mean }))
}

function alike(from: number, count: number): Good[] {
  return Array.from({ length: Math.max(0, count) }, (_, i) => ({ rank: from + i, weight: 1 }))
}

/** The best trials up to the end of the front in which the wanted number is reached. */
function fronts(ranked: RankedTrials, wanted: number): readonly RankedTrial[] {
  const considered: RankedTrial[] = []
  const end = Math.min(ranked.compared, wanted + MOST_CONSIDERED)
  for (let rank = 0; rank < end; rank += 1) {
    const trial = ranked.at(rank)!
    if (rank >= wanted && trial.front !== considered.at(-1)!.front) break
    considered.push(trial)
  }
  return considered
}

/** Ranks of the trials to take: whole fronts, and of the last one those that dominate most. */
function chosenOf(
  considered: readonly RankedTrial[],
  vectors: readonly (readonly number[])[],
  wanted: number,
  reference: readonly number[],
): readonly number[] {
  if (considered.length <= wanted) return [...considered.keys()]
  const whole = considered.findIndex(({ front }) => front === considered.at(-1)!.front)
  const subset = hypervolumeSubset(vectors.slice(whole), wanted - whole, reference)
  return [...considered.keys()].slice(0, whole).concat(subset.map((index) => whole + index))
}

/** Each objective from 0, its lowest, to 1; what is not finite stays so. */
function inUnit(vectors: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const ranges = (vectors[0] ?? []).map((_, k) => {
    const finite = vectors.map((vector) => vector[k]!).filter(Number.isFinite)
    const low = finite.reduce((least, loss) => Math.min(least, loss), Number.POSITIVE_INFINITY)
    const high = finite.reduce((most, loss) => Math.max(most, loss), Number.NEGATIVE_INFINITY)
    return { low, width: high - low || 1 }
  })
  return vectors.map((vector) => vector.map((loss, k) => (loss - ranges[k]!.low) / ranges[k]!.width))
}

/** The rank of each trial that is not good, by index from the best. */
export function otherRanks(good: readonly Good[]): (index: number) => number {
  const taken = new Set(good.map(({ rank }) => rank))
  const end = 1 + good.reduce((most, { rank }) => Math.max(most, rank), -1)
  const between = Array.from({ length: end }, (_, rank) => rank).filter((rank) => !taken.has(rank))
  return (index) => between[index] ?? index + good.length
}
