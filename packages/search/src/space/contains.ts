import { assertNever } from '@sweep/spec/assert-never'
import type { Json } from '@sweep/spec/number'
import type { Config, FloatParameter, Parameter, Quantum, SearchSpace } from '@sweep/spec/search-space'
import { isActive, sameValue } from './conditions.ts'
import { arange } from './domain.ts'
import { quantise } from './quantum.ts'

/**
 * Whether a config has a value of its range for every active parameter, and nothing else. Values of stepped parameters
 * may lie outside `min` and `max` by rounding, or be what a grid makes of them, which starts its steps at `min`.
 */
export function contains(space: SearchSpace, config: Config): boolean {
  const active = space.parameters.filter((parameter) => isActive(parameter, config))
  return (
    active.length === Object.keys(config).length &&
    active.every((parameter) => Object.hasOwn(config, parameter.name) && isValue(parameter, config[parameter.name]!))
  )
}

function isValue(parameter: Parameter, value: Json): boolean {
  switch (parameter.type) {
    case 'float':
      return isBetween(value, parameter.min, parameter.max, parameter.quantum) || isOnGrid(parameter, value)
    case 'int':
      return Number.isInteger(value) && isBetween(value, parameter.min, parameter.max)
    case 'choice':
      return parameter.values.some((candidate) => sameValue(candidate, value))
    case 'constant':
      return sameValue(parameter.value, value)
    case 'normal':
      return isBetween(value, parameter.scale === 'log' ? 0 : -Number.MAX_VALUE, Number.MAX_VALUE, parameter.quantum)
    case 'beta':
      return isBetween(value, 0, 1, parameter.quantum)
    default:
      return assertNever(parameter)
  }
}

function isOnGrid(parameter: FloatParameter, value: Json): boolean {
  return parameter.quantum !== undefined && arange(parameter, parameter.quantum).indexOf(value) >= 0
}

function isBetween(value: Json, min: number, max: number, quantum?: Quantum): boolean {
  if (typeof value !== 'number') return false
  if (quantum === undefined) return value >= min && value <= max
  return value >= quantise(min, quantum) && value <= quantise(max, quantum) && value === quantise(value, quantum)
}
