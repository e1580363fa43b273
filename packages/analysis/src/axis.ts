import { canonicalJson } from '@sweep/spec/config-hash'
import type { Json } from '@sweep/spec/number'
import type { ChoiceParameter, Parameter } from '@sweep/spec/search-space'
import { betaCdf, normalCdf } from './statistics/distributions.ts'

/**
 * One parameter as a coordinate. A numeric one runs over [0, 1] by the quantiles of its distribution, so that it is
 * looked at on the scale it is searched on, and every stretch counts by its probability of being drawn; a choice is the
 * index of its value.
 */
export type Axis =
  | {
      readonly kind: 'numeric'
      readonly name: string
      /** Undefined for what is no number. A number outside the bounds counts as the nearer one. */
      encode(value: Json): number | undefined
      /** How many values it has, all equally likely and equally far apart on the axis; undefined where that is not so. */
      readonly size: number | undefined
    }
  | {
      readonly kind: 'choice'
      readonly name: string
      /** Undefined for what is none of the values. */
      encode(value: Json): number | undefined
      readonly values: readonly Json[]
      /** Probability of each value to be drawn. */
      readonly probabilities: readonly number[]
    }

/** Undefined for a parameter with a single value, which can't matter. */
export function axisOf(parameter: Parameter): Axis | undefined {
  switch (parameter.type) {
    case 'constant':
      return undefined
    case 'choice':
      return choiceAxis(parameter)
    case 'int':
    case 'float': {
      // Half a unit beyond both ends gives the integers there the share that those inside have.
      const margin = parameter.type === 'int' ? 0.5 : 0
      const [min, max] = [parameter.min - margin, parameter.max + margin]
      if (parameter.min === parameter.max) return undefined
      const scale = parameter.scale === 'linear' ? (x: number) => x : (x: number) => Math.log(Math.max(x, min))
      const low = scale(min)
      const width = scale(max) - low
      // Halved where the bounds are further apart than the largest double.
      const place = Number.isFinite(width)
        ? (x: number) => (scale(x) - low) / width
        : (x: number) => (x / 2 - min / 2) / (max / 2 - min / 2)
      const isCounted = parameter.type === 'int' && parameter.scale === 'linear'
      return numeric(parameter.name, place, isCounted ? width : undefined)
    }
    case 'normal': {
      const { name, mu, sigma, scale } = parameter
      const on = scale === 'log' ? (x: number) => (x > 0 ? Math.log(x) : Number.NEGATIVE_INFINITY) : (x: number) => x
      return numeric(name, (x) => normalCdf((on(x) - mu) / sigma))
    }
    case 'beta':
      return numeric(parameter.name, (x) => betaCdf(Math.min(1, Math.max(0, x)), parameter.a, parameter.b))
  }
}

function numeric(name: string, place: (x: number) => number, size?: number): Axis {
  return {
    kind: 'numeric',
    name,
    size,
    encode: (value) =>
      typeof value === 'number' && !Number.isNaN(value) ? Math.min(1, Math.max(0, place(value))) : undefined,
  }
}

/** Three or more numbers in order, such as batch sizes, are steps of one axis, as they are to the samplers. */
function choiceAxis({ name, values, probabilities }: ChoiceParameter): Axis | undefined {
  const indices = new Map<string, number>()
  const distinct: Json[] = []
  const weights: number[] = []
  for (const [place, value] of values.entries()) {
    const key = canonicalJson(value)
    const weight = probabilities?.[place] ?? 1 / values.length
    const known = indices.get(key)
    if (known !== undefined) {
      weights[known]! += weight
      continue
    }
    indices.set(key, distinct.length)
    distinct.push(value)
    weights.push(weight)
  }
  if (distinct.length < 2) return undefined
  const indexOf = (value: Json) => indices.get(canonicalJson(value))
  const isOrdered =
    probabilities === undefined &&
    values.length > 2 &&
    values.every((value, index) => typeof value === 'number' && (index === 0 || value > (values[index - 1] as number)))
  if (isOrdered) {
    const place = (value: Json) => {
      const index = indexOf(value)
      return index === undefined ? undefined : (index + 0.5) / distinct.length
    }
    return { kind: 'numeric', name, size: distinct.length, encode: place }
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return { kind: 'choice', name, encode: indexOf, values: distinct, probabilities: weights.map((w) => w / total) }
}
