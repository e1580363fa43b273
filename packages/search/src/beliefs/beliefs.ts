import type { SearchSpace } from '@sweep/spec/search-space'
import type { SamplerSettings } from '../sampler.ts'
import { type Axis, encodeConfig } from '../space/axis.ts'
import { beliefOf } from '../space/belief.ts'
import type { Observed } from '../tpe/parzen.ts'

/** What is believed before the first trial, as configs among the good ones. */
export interface Beliefs {
  readonly kernels: readonly Observed[]
  /** To be tried first, with why; NaN where nothing is known of a parameter. */
  readonly firsts: readonly { readonly coordinates: Float64Array; readonly reason: string }[]
}

/** Priors count as much as so many good trials, and past results together as so many: much at first, little later. */
const PRIOR_WEIGHT = 2
const PAST_WEIGHT = 4
/** Of past results this share is good, and no more than so many. */
const GOOD_SHARE = 0.15
const MOST_GOOD = 25
/** The best past configs are tried again: values of another sweep can't be compared with those of this one. */
const TRIED_AGAIN = 3

export function beliefsOf(space: SearchSpace, axes: readonly Axis[], settings: SamplerSettings): Beliefs {
  const prior = priorKernel(space, axes)
  const past = pastKernels(axes, settings)
  const total = settings.past?.length ?? 0
  return {
    kernels: [...(prior === undefined ? [] : [prior]), ...past],
    firsts: [
      ...(prior === undefined
        ? []
        : [{ coordinates: prior.coordinates, reason: 'where the priors expect good values' }]),
      ...past.slice(0, TRIED_AGAIN).map(({ coordinates }, index) => ({
        coordinates,
        reason: `number ${index + 1} of ${total} past results`,
      })),
    ],
  }
}

function priorKernel({ parameters }: SearchSpace, axes: readonly Axis[]): Observed | undefined {
  const named = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  const beliefs = axes.map((axis) => beliefOf(named.get(axis.name)!, axis))
  if (beliefs.every((belief) => belief === undefined)) return undefined
  return {
    coordinates: Float64Array.from(beliefs, (belief) => belief?.center ?? Number.NaN),
    sigmas: Float64Array.from(beliefs, (belief) => belief?.sigma ?? Number.NaN),
    weight: PRIOR_WEIGHT,
  }
}

function pastKernels(axes: readonly Axis[], { goal, past = [] }: SamplerSettings): Observed[] {
  const sign = goal === 'maximize' ? -1 : 1
  const ranked = [...past].sort((a, b) => sign * (a.value - b.value))
  const good = ranked.slice(0, Math.min(Math.ceil(GOOD_SHARE * ranked.length), MOST_GOOD))
  return good.map(({ config }) => ({ coordinates: encodeConfig(axes, config), weight: PAST_WEIGHT / good.length }))
}
