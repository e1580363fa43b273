import { canonicalJson } from '@sweep/spec/config-hash'
import type { Json } from '@sweep/spec/number'
import type { ChoiceParameter, Config, FloatParameter, IntParameter, Parameter } from '@sweep/spec/search-space'
import { exactLog } from '../exact-math.ts'
import { normalProbability } from './normal-probability.ts'
import { betaProbability, valueAt } from './quantile.ts'

/**
 * One parameter as a coordinate for models. A numeric one runs over [0, 1] by the quantiles of its distribution, so that
 * a log scale, a normal and an integer all look alike and the prior is uniform; a choice is the index of its value.
 */
export type Axis =
  | {
      readonly kind: 'numeric'
      readonly name: string
      /** Undefined for what is no value of the parameter. */
      encode(value: Json): number | undefined
      decode(coordinate: number): Json
      /** Half of the way to the next value that the parameter can have; 0 where it is continuous. */
      halfStep(coordinate: number): number
    }
  | {
      readonly kind: 'choice'
      readonly name: string
      encode(value: Json): number | undefined
      decode(index: number): Json
      /** Probability of each value before anything is known. */
      readonly prior: readonly number[]
    }

/** Parameters with a single value have no axis. */
export function axisOf(parameter: Parameter): Axis | undefined {
  switch (parameter.type) {
    case 'constant':
      return undefined
    case 'choice':
      return choiceAxis(parameter)
    case 'int':
      return parameter.min === parameter.max ? undefined : intAxis(parameter)
    case 'float':
      return parameter.min === parameter.max ? undefined : floatAxis(parameter)
    case 'normal': {
      const { mu, sigma, scale, quantum } = parameter
      const place = (x: number) => normalProbability(((scale === 'log' ? logOf(x) : x) - mu) / sigma)
      return numeric(parameter, place, quantum?.q)
    }
    case 'beta':
      return numeric(
        parameter,
        (x) => betaProbability(Math.min(1, Math.max(0, x)), parameter.a, parameter.b),
        parameter.quantum?.q,
      )
  }
}

function floatAxis(parameter: FloatParameter): Axis {
  const { min, max, scale, quantum } = parameter
  const place = scale === 'linear' ? between(min, max) : logBetween(min, max)
  return numeric(parameter, place, quantum?.q)
}

function intAxis(parameter: IntParameter): Axis {
  const [min, max] = [parameter.min - 0.5, parameter.max + 0.5]
  return numeric(parameter, parameter.scale === 'linear' ? between(min, max) : logBetween(min, max), 1)
}

function between(min: number, max: number): (x: number) => number {
  // Bounds further apart than the largest double.
  const width = max - min
  return Number.isFinite(width) ? (x) => (x - min) / width : (x) => (x / 2 - min / 2) / (max / 2 - min / 2)
}

function logBetween(min: number, max: number): (x: number) => number {
  const low = exactLog(min)
  const width = exactLog(max) - low
  return (x) => (logOf(x) - low) / width
}

function logOf(x: number): number {
  return x > 0 ? exactLog(x) : Number.NEGATIVE_INFINITY
}

/** Half steps kept by coordinate: models ask for the same few again and again. */
const MOST_KEPT = 4096

function numeric(parameter: Parameter, place: (x: number) => number, step: number | undefined): Axis {
  const inUnit = (u: number) => Math.min(1, Math.max(0, u))
  const kept = new Map<number, number>()
  const halfStepAt = (coordinate: number, width: number) => {
    const value = valueAt(parameter, Math.min(coordinate, 1 - 2 ** -53)) as number
    return (inUnit(place(value + width / 2)) - inUnit(place(value - width / 2))) / 2
  }
  return {
    kind: 'numeric',
    name: parameter.name,
    encode: (value) => (typeof value === 'number' ? inUnit(place(value)) : undefined),
    decode: (coordinate) => valueAt(parameter, Math.min(coordinate, 1 - 2 ** -53)),
    halfStep: (coordinate) => {
      if (step === undefined) return 0
      const known = kept.get(coordinate)
      if (known !== undefined) return known
      const half = halfStepAt(coordinate, step)
      if (kept.size < MOST_KEPT) kept.set(coordinate, half)
      return half
    },
  }
}

/** Three or more numbers in order, such as batch sizes, are steps of one axis: what holds for one is likely for the next. */
function choiceAxis(parameter: ChoiceParameter): Axis | undefined {
  const { name, values, probabilities } = parameter
  const indices = new Map<string, number>()
  for (const [index, value] of values.entries()) {
    const key = canonicalJson(value)
    if (!indices.has(key)) indices.set(key, index)
  }
  if (indices.size < 2) return undefined
  const indexOf = (value: Json) => indices.get(canonicalJson(value))
  const isOrdered =
    probabilities === undefined &&
    values.length > 2 &&
    values.every((value, index) => typeof value === 'number' && (index === 0 || value > (values[index - 1] as number)))
  if (isOrdered) {
    const count = values.length
    return {
      kind: 'numeric',
      name,
      encode: (value) => {
        const index = indexOf(value)
        return index === undefined ? undefined : (index + 0.5) / count
      },
      decode: (coordinate) => values[Math.min(count - 1, Math.floor(coordinate * count))]!,
      halfStep: () => 0.5 / count,
    }
  }
  const total = probabilities?.reduce((sum, one) => sum + one, 0) ?? 1
  const prior = values.map((_, index) =>
    probabilities === undefined ? 1 / values.length : probabilities[index]! / total,
  )
  return { kind: 'choice', name, encode: indexOf, decode: (index) => values[index]!, prior }
}

/** Coordinates of a config, by axis; NaN where the parameter is inactive or its value none of its own. */
export function encodeConfig(axes: readonly Axis[], config: Config): Float64Array {
  return Float64Array.from(axes, (axis) =>
    Object.hasOwn(config, axis.name) ? (axis.encode(config[axis.name]!) ?? Number.NaN) : Number.NaN,
  )
}
