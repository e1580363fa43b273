import type { Parameter } from '@sweep/spec/search-space'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import type { RngAt, Sampler, Suggestion } from '../sampler.ts'
import { byName, configAt } from '../space/quantile.ts'

export interface SpaceFillingState {
  readonly parameters: readonly Parameter[]
  /** Parameters that have more than a constant: each is a dimension. */
  readonly dimensions: number
  readonly issued: IssuedConfigs
}

/** The draw whose generator gives what all draws share: no sweep comes this far, so no suggestion uses it too. */
export const SHARED_DRAW = Number.MAX_SAFE_INTEGER

/** The points of [0, 1)^dimensions by draw, from randomness that all draws of a sweep share. */
export type PointAt = (draw: number) => readonly number[]

/**
 * A sampler that takes its configs from a sequence of points spread evenly over the unit cube: each coordinate is a
 * quantile of one parameter, in the order of the names; constants have none. The point of a draw depends on nothing that
 * was told, so trials that fail or that people enqueue leave no gap but their own.
 *
 * Where the config of a point was issued already, as happens in spaces of few configs, the draw is a random one
 * (`drawUnissued`).
 *
 * @param pointsOf called once an ask
 */
export function spaceFillingSampler(
  name: string,
  pointsOf: (dimensions: number, rngAt: RngAt) => PointAt,
): Sampler<SpaceFillingState> {
  return {
    name,

    init: (space) => ({
      parameters: byName(space.parameters),
      dimensions: space.parameters.filter(isVarying).length,
      issued: nothingIssued(space),
    }),

    tell(state, fact) {
      const issued = withIssued(state.issued, fact)
      return issued === state.issued ? state : { ...state, issued }
    },

    ask({ parameters, dimensions, issued }, count, rngAt) {
      const pointAt = pointsOf(dimensions, rngAt)
      const suggestions: Suggestion[] = []
      const proposals = proposalsAfter(issued)
      while (suggestions.length < count && !proposals.isUsedUp) {
        const draw = issued.nextDraw + suggestions.length
        const planned = configAt(issued.ordered, withConstants(parameters, pointAt(draw)))
        const isTaken = proposals.isIssued(planned)
        const config = isTaken ? drawUnissued(issued, rngAt(draw), proposals.isIssued) : planned
        if (config === undefined) break
        proposals.add(config)
        const point = `point ${draw + 1} of the ${name} sequence`
        suggestions.push({ config, reason: isTaken ? `drawn at random: ${point} was issued before` : point, draw })
      }
      return { suggestions, exhausted: suggestions.length < count }
    },
  }
}

function isVarying(parameter: Parameter): boolean {
  return parameter.type !== 'constant'
}

/** Fills in a coordinate for every constant, so that a constant more or less changes no other value. */
function withConstants(parameters: readonly Parameter[], point: readonly number[]): readonly number[] {
  let next = 0
  return parameters.map((parameter) => {
    if (!isVarying(parameter)) return 0
    next += 1
    return point[next - 1]!
  })
}
