import type { Axis } from '../space/axis.ts'
import type { Observed } from '../tpe/parzen.ts'

/** Where good values of one parameter are believed to be, each parameter by itself. */
export type BelievedAxis =
  | { readonly kind: 'numeric'; readonly center: number; readonly sigma: number }
  | {
      readonly kind: 'choice'
      /** By value. */
      readonly probabilities: readonly number[]
    }

/** Of a good config of past results, as a share of the axis. */
const PAST_SIGMA = 0.1
/** The chance that what is believed of a choice says nothing. */
const DOUBT = 0.5

/** The kernels of `beliefsOf` taken together, axis by axis; undefined where nothing is believed. */
export function believedAxes(
  axes: readonly Axis[],
  kernels: readonly Observed[],
): readonly (BelievedAxis | undefined)[] {
  return axes.map((axis, k) => {
    const known = kernels.flatMap(({ coordinates, sigmas, weight }) => {
      const center = coordinates[k]!
      return Number.isNaN(center) ? [] : [{ center, sigma: sigmas?.[k] ?? PAST_SIGMA, weight }]
    })
    if (known.length === 0) return undefined
    const total = known.reduce((sum, { weight }) => sum + weight, 0)
    if (axis.kind === 'choice') {
      const { prior } = axis
      const shares = prior.map((p) => DOUBT * p)
      for (const { center, weight } of known) shares[center]! += ((1 - DOUBT) * weight) / total
      return { kind: 'choice', probabilities: shares }
    }
    const center = known.reduce((sum, one) => sum + (one.weight * one.center) / total, 0)
    const variance = known.reduce((sum, one) => {
      return sum + (one.weight * (one.sigma * one.sigma + (one.center - center) * (one.center - center))) / total
    }, 0)
    return { kind: 'numeric', center, sigma: Math.sqrt(variance) }
  })
}
