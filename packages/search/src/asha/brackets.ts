import { bracketTrials, rungCount } from '../rung-count.ts'

export interface Ladder {
  readonly minResource: number
  readonly maxResource?: number | undefined
  readonly reductionFactor: number
  readonly brackets: number
}

/** The brackets that have a rung at all: no more than Hyperband has, and none that starts past the safe integers. */
export function bracketCount({ minResource, maxResource, reductionFactor, brackets }: Ladder): number {
  return Math.min(brackets, rungCount(minResource, maxResource ?? Number.MAX_SAFE_INTEGER, reductionFactor))
}

const GOLDEN = 0.6180339887498949

/**
 * The bracket of a trial, by its number alone, 0 being the one with the lowest first rung. Brackets get shares as in
 * Hyperband (about the same resource each), spread evenly by the multiples of the golden ratio: any run of trials, also
 * a short one, has nearly the right shares. Hyperband itself runs one bracket after the other.
 */
export function bracketOf(trial: number, ladder: Ladder): number {
  const count = bracketCount(ladder)
  const weights = Array.from({ length: count }, (_, bracket) => bracketTrials(count, bracket, ladder.reductionFactor))
  let place = ((trial * GOLDEN) % 1) * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [bracket, weight] of weights.entries()) {
    place -= weight
    if (place < 0) return bracket
  }
  return count - 1
}

export interface Rung {
  /** 0 for the lowest rung of the bracket. */
  readonly index: number
  readonly resource: number
}

/** The highest rung of a bracket at or below `resource`; none at `maxResource`, where a trial is done anyway. */
export function rungAt(resource: number, bracket: number, ladder: Ladder): Rung | undefined {
  const end = ladder.maxResource ?? Number.POSITIVE_INFINITY
  let found: Rung | undefined
  let level = ladder.minResource * ladder.reductionFactor ** bracket
  for (let index = 0; level <= resource && level < end; index += 1) {
    found = { index, resource: level }
    level *= ladder.reductionFactor
  }
  return found
}
