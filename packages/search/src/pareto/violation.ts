import type { Constraint } from '@sweep/spec/document/sweep-document'

/**
 * By how much values break the constraints, summed over them, each as a share of its bound (of 1 where that is 0); 0 when
 * they break none (Deb et al. 2002, section VI). A value that is missing or not a number breaks its constraint infinitely.
 *
 * @param values by the name of the metric
 */
export function violationOf(values: Readonly<Record<string, number>>, constraints: readonly Constraint[]): number {
  return constraints.reduce((sum, { name, min, max }) => {
    const value = Object.hasOwn(values, name) ? values[name]! : Number.NaN
    if (Number.isNaN(value)) return Number.POSITIVE_INFINITY
    const above = max === undefined ? 0 : Math.max(0, value - max) / (Math.abs(max) || 1)
    const below = min === undefined ? 0 : Math.max(0, min - value) / (Math.abs(min) || 1)
    return sum + above + below
  }, 0)
}
