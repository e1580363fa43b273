/**
 * How many rungs lie between `minResource` and `maxResource`; Hyperband runs one bracket for each.
 * Li et al., "Hyperband", JMLR 18(185), 2018, Algorithm 1: s_max + 1, with R = maxResource / minResource.
 *
 * @param minResource resource of the lowest rung, in the sweep's unit (say, epochs); integer >= 1
 * @param maxResource resource of a full training, same unit; integer >= minResource
 * @param reductionFactor one trial in this many moves up a rung; integer >= 2
 */
export function rungCount(minResource: number, maxResource: number, reductionFactor: number): number {
  // Multiplied out because floor(log(1000) / log(10)) is 2 in floating point, one rung short.
  let count = 1
  for (let r = minResource * reductionFactor; r <= maxResource; r *= reductionFactor) count += 1
  return count
}

export interface Bracket {
  /** Trials that start in the bracket. */
  readonly trials: number
  /** Trials and resource of each rung, the lowest first. */
  readonly rungs: readonly { readonly trials: number; readonly resource: number }[]
}

/**
 * The brackets of Hyperband, the most aggressive first: Algorithm 1 of the same paper, whose table for R = 81 and
 * reduction factor 3 begins with 81, 34, 15, 8 and 5 trials.
 */
export function hyperbandBrackets(minResource: number, maxResource: number, reductionFactor: number): Bracket[] {
  const count = rungCount(minResource, maxResource, reductionFactor)
  return Array.from({ length: count }, (_, bracket) => {
    const steps = count - 1 - bracket
    const trials = bracketTrials(count, bracket, reductionFactor)
    const rungs = Array.from({ length: steps + 1 }, (_, rung) => ({
      trials: Math.floor(trials / reductionFactor ** rung),
      resource: Math.floor(maxResource / reductionFactor ** (steps - rung)),
    }))
    return { trials, rungs }
  })
}

/** ceil(count / (s + 1) * reductionFactor^s) with s = count - 1 - bracket; multiplied first, so that it is exact. */
export function bracketTrials(count: number, bracket: number, reductionFactor: number): number {
  const s = count - 1 - bracket
  return Math.ceil((count * reductionFactor ** s) / (s + 1))
}
