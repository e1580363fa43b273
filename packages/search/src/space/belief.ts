import type { Parameter } from '@sweep/spec/search-space'
import { exactExp } from '../exact-math.ts'
import type { Axis } from './axis.ts'

/** Where somebody expects the good values of a parameter, in coordinates of its axis; choices have no `sigma`. */
export interface Belief {
  readonly center: number
  readonly sigma: number
}

/** For a prior without one, as a share of the axis. */
const SIGMA = 0.25

/** The prior of a parameter on its axis; undefined without one. */
export function beliefOf({ prior, ...parameter }: Parameter, axis: Axis): Belief | undefined {
  if (prior === undefined) return undefined
  const { mu, sigma } = prior
  const center = axis.encode(mu)
  if (center === undefined) return undefined
  if (sigma === undefined || axis.kind === 'choice' || typeof mu !== 'number') return { center, sigma: SIGMA }
  const isLog = 'scale' in parameter && parameter.scale !== 'linear'
  const [low, high] = isLog ? [mu * exactExp(-sigma), mu * exactExp(sigma)] : [mu - sigma, mu + sigma]
  // Near an end of the axis only the side within tells how wide it is.
  const below = center - (axis.encode(low) ?? center)
  const above = (axis.encode(high) ?? center) - center
  return { center, sigma: Math.max(below, above) }
}
