import { assertNever } from './assert-never.ts'
import { activeNames } from './conditions.ts'
import { canonicalJson } from './config-hash.ts'
import { didYouMeanHint } from './did-you-mean.ts'
import type { Json } from './number.ts'
import type { Config, Parameter, SearchSpace } from './search-space.ts'

export interface ConfigProblem {
  /** A config with an error can't run; one with warnings can, outside the search space. */
  readonly severity: 'error' | 'warning'
  readonly parameter: string
  readonly message: string
  readonly hint?: string
}

/** What is wrong with a config that somebody made by hand. Constants may be left out: see `completeConfig`. */
export function validateConfig(space: SearchSpace, config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  const add = (severity: ConfigProblem['severity'], parameter: string, message: string, hint?: string): void => {
    problems.push({ severity, parameter, message, ...(hint === undefined ? {} : { hint }) })
  }
  const byName = new Map(space.parameters.map((parameter) => [parameter.name, parameter]))
  const active = activeNames(space, config)
  for (const [name, value] of Object.entries(config)) {
    const parameter = byName.get(name)
    if (parameter === undefined) {
      const absent = [...byName.keys()].filter((known) => !Object.hasOwn(config, known))
      const hint = didYouMeanHint(name, absent) ?? didYouMeanHint(name, byName.keys())
      add(
        'error',
        name,
        `${name} is no parameter of this sweep`,
        hint ?? `Its parameters are ${listed([...byName.keys()])}.`,
      )
    } else if (!active.has(name)) {
      const when = Object.entries(parameter.when ?? {}).map(
        ([other, values]) => `${other} is ${values.map(show).join(' or ')}`,
      )
      add('error', name, `${name} exists only when ${when.join(' and ')}`, 'Leave it out.')
    } else {
      const problem = checkValue(parameter, value)
      if (problem !== null) add(problem.severity, name, problem.message, problem.hint)
    }
  }
  for (const parameter of space.parameters) {
    if (parameter.type === 'constant' || !active.has(parameter.name) || Object.hasOwn(config, parameter.name)) continue
    add('error', parameter.name, `${parameter.name} is missing`, `It is ${describe(parameter)}.`)
  }
  return problems
}

/** The config with its active constants filled in. */
export function completeConfig(space: SearchSpace, config: Config): Config {
  const active = activeNames(space, config)
  const constants = space.parameters.flatMap((parameter): [string, Json][] =>
    parameter.type === 'constant' && active.has(parameter.name) ? [[parameter.name, parameter.value]] : [],
  )
  return { ...Object.fromEntries(constants), ...config }
}

/** What is wrong with one value of a parameter; null when it lies in the search space. */
export function checkValue(parameter: Parameter, value: Json): Omit<ConfigProblem, 'parameter'> | null {
  const { name } = parameter
  const hint = `It is ${describe(parameter)}.`
  const outside = { severity: 'warning', message: `${name} ${show(value)} is outside the search space`, hint } as const
  const wrongType = { severity: 'error', message: `${name} is ${show(value)}, of the wrong type`, hint } as const
  switch (parameter.type) {
    case 'choice':
    case 'constant': {
      const values = parameter.type === 'choice' ? parameter.values : [parameter.value]
      const key = canonicalJson(value)
      if (values.some((candidate) => canonicalJson(candidate) === key)) return null
      const words = values.filter((candidate) => typeof candidate === 'string')
      const near = typeof value === 'string' ? didYouMeanHint(value, words) : undefined
      const problem = values.some((candidate) => typeName(candidate) === typeName(value)) ? outside : wrongType
      return near === undefined ? problem : { ...problem, hint: near }
    }
    case 'int':
      if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType
      return value >= parameter.min && value <= parameter.max ? null : outside
    case 'float': {
      if (typeof value !== 'number') return wrongType
      // Rounding to q may leave the bounds by half a step, as in W&B.
      const slack = (parameter.quantum?.q ?? 0) / 2
      return value >= parameter.min - slack && value <= parameter.max + slack ? null : outside
    }
    case 'normal':
      if (typeof value !== 'number') return wrongType
      return parameter.scale === 'log' && value <= 0 && parameter.quantum === undefined ? outside : null
    case 'beta':
      if (typeof value !== 'number') return wrongType
      return value >= 0 && value <= 1 ? null : outside
    default:
      return assertNever(parameter)
  }
}

function describe(parameter: Parameter): string {
  switch (parameter.type) {
    case 'choice':
      return `one of ${listed(parameter.values.map(show))}`
    case 'constant':
      return `always ${show(parameter.value)}`
    case 'int':
      return `a whole number from ${parameter.min} to ${parameter.max}`
    case 'float':
      return `a number from ${parameter.min} to ${parameter.max}`
    case 'normal':
      return parameter.scale === 'log' ? 'a number above 0' : 'a number'
    case 'beta':
      return 'a number from 0 to 1'
    default:
      return assertNever(parameter)
  }
}

function typeName(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value
}

function show(value: Json): string {
  const text = JSON.stringify(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`
}

function listed(items: readonly string[]): string {
  return items.length <= 12 ? items.join(', ') : `${items.slice(0, 12).join(', ')} and ${items.length - 12} more`
}
