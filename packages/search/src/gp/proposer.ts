import type { Config } from '@sweep/spec/search-space'
import { exactExp } from '../exact-math.ts'
import type { Rng } from '../rng.ts'
import type { SearchRegion } from '../space/search-region.ts'
import { logExpectedImprovement } from './expected-improvement.ts'
import { minimise } from './minimise.ts'
import type { Posterior } from './posterior.ts'

/** Candidates from anywhere, and from around the best trials. */
const ANYWHERE = 100
const AROUND = 100
/** The best of the candidates, so many, are improved. */
const IMPROVED = 3
const CLIMB_ITERATIONS = 30
const CLIMB_TOLERANCE = 1e-6
/** Times that every axis with gaps is gone through, at most. */
const ROUNDS = 6
/** Steps from a base are between half an axis and exp(-6) of that, alike on the log scale. */
const LARGEST_STEP = 0.5
const STEP_FOLDS = 6

export interface Proposal {
  readonly config: Config
  /** Log of the expected improvement, in targets. */
  readonly score: number
}

/** What one suggestion is looked for with. */
export interface Quest {
  readonly region: SearchRegion
  readonly posterior: Posterior
  /** The target to improve on. */
  readonly best: number
  /** Points of the best trials. */
  readonly bases: readonly Float64Array[]
  readonly rng: Rng
  readonly isIssued: (config: Config) => boolean
}

/**
 * The config with the highest expected improvement that is found; undefined when all that were looked at are issued.
 * The best of many candidates climb along the slope, first as if there were no gaps between values; then values on
 * either side of a gap are compared, an axis at a time, and what is left without gaps climbs again. What is returned was
 * scored as the config it is, after rounding.
 */
export function propose(quest: Quest): Proposal | undefined {
  const { region, bases, rng } = quest
  const around = () => stepFrom(region, region.placeOf(bases[rng.int(0, bases.length - 1)]!, rng), rng)
  const candidates = [
    ...Array.from({ length: ANYWHERE }, () => region.drawPlace(rng)),
    ...Array.from({ length: AROUND }, around),
  ].map((place) => ({ place, score: scoreAt(quest, region.pointAt(place, rng)) }))
  candidates.sort((a, b) => b.score - a.score)
  let found: Proposal | undefined
  let tried = 0
  for (const { place } of candidates) {
    const begun = proposalAt(quest, place)
    if (begun === undefined) continue
    // A climb may end in a corner of the space that was issued already; where it began is good too.
    const improved = improve(quest, place) ?? begun
    if (found === undefined || improved.score > found.score) found = improved
    tried += 1
    if (tried === IMPROVED) break
  }
  return found
}

function scoreAt({ posterior, best }: Quest, point: Float64Array): number {
  return logExpectedImprovement(posterior.predict(point), best).log
}

/** A place some way off, on one axis or several. */
function stepFrom(region: SearchRegion, base: Float64Array, rng: Rng): Float64Array {
  const size = LARGEST_STEP * exactExp(-STEP_FOLDS * rng.float())
  const share = rng.float()
  const certain = rng.int(0, base.length - 1)
  return base.map((coordinate, k) => {
    if (k !== certain && rng.float() > share) return coordinate
    if (region.isChoice[k]) return region.drawCoordinate(k, rng)
    return Math.min(1, Math.max(0, coordinate + size * rng.normal()))
  })
}

function improve(quest: Quest, start: Float64Array): Proposal | undefined {
  const { isChoice, hasGaps } = quest.region
  const relaxed = climb(quest, start, (k) => !isChoice[k])
  if (!hasGaps.includes(true)) return proposalAt(quest, relaxed)
  const crossed = crossGaps(quest, relaxed)
  return proposalAt(
    quest,
    climb(quest, crossed, (k) => !hasGaps[k]),
  )
}

function proposalAt(quest: Quest, place: Float64Array): Proposal | undefined {
  const config = quest.region.configAt(place, quest.rng)
  if (quest.isIssued(config)) return undefined
  return { config, score: scoreAt(quest, quest.region.pointAt(place, quest.rng)) }
}

/** A local maximum of the score along the axes that may move; those that are inactive at the start stay so. */
function climb(
  { region, posterior, best, rng }: Quest,
  start: Float64Array,
  mayMove: (k: number) => boolean,
): Float64Array {
  const point = region.pointAt(start, rng)
  const moves = point.map((coordinate, k) => (mayMove(k) && !Number.isNaN(coordinate) ? 1 : 0))
  const place = start.slice()
  minimise(
    (x, gradient) => {
      for (let k = 0; k < x.length; k += 1) if (moves[k]) point[k] = x[k]!
      const prediction = posterior.predict(point, true)
      const { log, byMean, byDeviation } = logExpectedImprovement(prediction, best)
      posterior.chain(point, prediction, { byMean: -byMean, byDeviation: -byDeviation }, gradient)
      return -log
    },
    place,
    { low: start.map((coordinate, k) => (moves[k] ? 0 : coordinate)), high: start.map((c, k) => (moves[k] ? 1 : c)) },
    CLIMB_ITERATIONS,
    CLIMB_TOLERANCE,
  )
  return place
}

/** Goes from value to value over the axes with gaps, to configs that are not issued, for as long as the score rises. */
function crossGaps(quest: Quest, start: Float64Array): Float64Array {
  const { region, rng } = quest
  let place = start
  let score = proposalAt(quest, start)?.score ?? Number.NEGATIVE_INFINITY
  for (let round = 0, isBetter = true; round < ROUNDS && isBetter; round += 1) {
    isBetter = false
    for (const [k, hasGaps] of region.hasGaps.entries()) {
      const coordinate = region.pointAt(place, rng)[k]!
      if (!hasGaps || Number.isNaN(coordinate)) continue
      const from = place
      for (const other of region.besides(k, coordinate, rng)) {
        const next = from.slice()
        next[k] = other
        const nextScore = scoreAt(quest, region.pointAt(next, rng))
        if (nextScore <= score || quest.isIssued(region.configAt(next, rng))) continue
        place = next
        score = nextScore
        isBetter = true
      }
    }
  }
  return place
}
