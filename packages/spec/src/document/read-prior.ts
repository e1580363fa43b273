import type { Json } from '../number.ts'
import type { Parameter, Prior } from '../search-space.ts'
import { checkValue } from '../validate-config.ts'
import type { DocumentPath } from './diagnostic.ts'
import { readNumber } from './plain-scalar.ts'
import type { Report } from './report.ts'
import { type MapNode, type SourceNode, toJson } from './source-node.ts'

/** What `default` or `prior` of a parameter says about its good values; undefined without one, or after an error. */
export function readPrior(report: Report, map: MapNode, at: DocumentPath, parameter: Parameter): Prior | undefined {
  const [fallback, prior] = ['default', 'prior'].map((key) => map.entries.get(key)?.value)
  if (fallback === undefined && prior === undefined) return undefined
  const key = prior === undefined ? 'default' : 'prior'
  const fail = (message: string, hint: string, path: readonly string[] = []): undefined => {
    report.error([...at, key, ...path], `${parameter.name}: ${message}`, { hint, at: 'key' })
    return undefined
  }

  if (parameter.type === 'constant') return fail(`${key} has no effect on a constant`, 'Leave it out.')
  if (prior === undefined) {
    const value = parameter.type === 'choice' ? toJson(fallback!) : (numberOf(fallback!) ?? toJson(fallback!))
    const problem = checkValue(parameter, value)
    return problem === null ? { mu: value } : fail(`default ${JSON.stringify(value)} is no value of it`, problem.hint!)
  }
  if (fallback !== undefined) return fail('default and prior say the same thing', 'Keep one of the two.')
  if (parameter.type === 'choice') {
    return fail('prior needs a range of numbers', 'For one of the values write default: VALUE.')
  }
  // A map of numbers, or the schema has complained.
  if (prior.kind !== 'map') return undefined
  const [mu, sigma] = ['mu', 'sigma'].map((name) => numberOf(prior.entries.get(name)?.value))
  if (mu === undefined) return undefined
  const problem = checkValue(parameter, parameter.type === 'int' ? Math.round(mu) : mu)
  if (problem !== null) return fail(`mu ${mu} is no value of it`, problem.hint!, ['mu'])
  if (sigma !== undefined && !(sigma > 0)) {
    return fail(`sigma is ${sigma}, but must be above 0`, 'Leave it out for a quarter of the range.', ['sigma'])
  }
  return { mu, ...(sigma === undefined ? {} : { sigma }) }
}

/** A number, or text that spells one. */
function numberOf(node: SourceNode | undefined): number | undefined {
  if (node?.kind !== 'scalar') return undefined
  const value: Json = node.value
  if (typeof value === 'number') return value
  const reading = typeof value === 'string' ? readNumber(value.trim()) : null
  return reading?.ok === true && typeof reading.value === 'number' ? reading.value : undefined
}
