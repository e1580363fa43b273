import { assertNever } from '@sweep/spec/assert-never'
import { canonicalJson } from '@sweep/spec/config-hash'
import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type { ChoiceParameter, FloatParameter, Parameter, Quantum } from '@sweep/spec/search-space'
import { roundHalfEven } from './quantum.ts'

/** The values of a parameter that has finitely many, by index; never listed out, so a million of them cost nothing. */
export interface Domain {
  readonly size: number
  at(index: number): Json
  /** -1 when the value is not one of them. */
  indexOf(value: Json): number
}

/** The values that drawing can give, or undefined when they can't be counted. */
export function drawnDomain(parameter: Parameter): Domain | undefined {
  switch (parameter.type) {
    case 'constant':
      return listed([parameter.value])
    case 'choice':
      return listed(drawable(parameter))
    case 'int':
      return steps(
        parameter.max - parameter.min + 1,
        (index) => parameter.min + index,
        (value) => value - parameter.min,
      )
    case 'float':
      return parameter.quantum && multiples(parameter.min, parameter.max, parameter.quantum)
    case 'beta':
      return parameter.quantum && multiples(0, 1, parameter.quantum)
    case 'normal':
      return undefined
    default:
      return assertNever(parameter)
  }
}

/**
 * The values that a grid goes through, as in W&B: lists, constants, integer ranges with both ends, and `q_uniform` as
 * numpy's arange, which leaves out the upper end.
 *
 * @throws SweepError `invalid-document` for a parameter that W&B's grid refuses too
 */
export function gridDomain(parameter: Parameter): Domain {
  if (parameter.type === 'constant') return listed([parameter.value])
  if (parameter.type === 'choice' && parameter.probabilities === undefined) return listed(parameter.values)
  if (parameter.type === 'int' && parameter.scale === 'linear') return drawnDomain(parameter)!
  if (parameter.type === 'float' && parameter.scale === 'linear' && parameter.quantum !== undefined) {
    return arange(parameter, parameter.quantum)
  }
  throw new SweepError('invalid-document', `a grid can't go through ${parameter.name}: it has no list of values`, {
    hint: 'Give `values`, a `value`, integer `min` and `max`, or q_uniform with a step `q`; or use method: random.',
  })
}

/** numpy.arange(min, max, q), with its rounding: every value is min + i ((min + q) - min). */
export function arange({ min, max }: FloatParameter, { q }: Quantum): Domain {
  const step = min + q - min
  return steps(
    Math.ceil((max - min) / q),
    (index) => min + index * step + 0,
    (value) => Math.round((value - min) / step),
  )
}

function multiples(min: number, max: number, { q, integer }: Quantum): Domain {
  const first = roundHalfEven(min / q)
  return steps(
    roundHalfEven(max / q) - first + 1,
    (index) => (integer ? Math.round((first + index) * q) : (first + index) * q) + 0,
    (value) => Math.round(value / q) - first,
  )
}

function steps(size: number, at: (index: number) => number, near: (value: number) => number): Domain {
  return {
    size,
    at,
    indexOf: (value) => {
      if (typeof value !== 'number') return -1
      const index = near(value)
      return index >= 0 && index < size && at(index) === value ? index : -1
    },
  }
}

/** Values that are equal as JSON count once, as the first of them. */
function listed(values: readonly Json[]): Domain {
  const distinct: Json[] = []
  const indices = new Map<string, number>()
  for (const value of values) {
    const text = canonicalJson(value)
    if (indices.has(text)) continue
    indices.set(text, distinct.length)
    distinct.push(value)
  }
  return {
    size: distinct.length,
    at: (index) => distinct[index]!,
    indexOf: (value) => indices.get(canonicalJson(value)) ?? -1,
  }
}

function drawable({ values, probabilities }: ChoiceParameter): readonly Json[] {
  return probabilities === undefined ? values : values.filter((_, index) => probabilities[index] !== 0)
}
