import { canonicalJson } from '@sweep/spec/config-hash'
import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import type { Config, Parameter, SearchSpace } from '@sweep/spec/search-space'

/** The parameters so ordered that each comes after those its condition names, otherwise as in the document. */
export function parentsFirst(space: SearchSpace): readonly Parameter[] {
  const byName = new Map(space.parameters.map((parameter) => [parameter.name, parameter]))
  const ordered = new Set<Parameter>()
  const visit = (parameter: Parameter, below: ReadonlySet<Parameter>) => {
    if (ordered.has(parameter)) return
    if (below.has(parameter))
      throw new SweepError('invalid-document', `the condition of ${parameter.name} leads back to it`)
    for (const parent of Object.keys(parameter.when ?? {})) {
      const found = byName.get(parent)
      if (found === undefined) {
        throw new SweepError('invalid-document', `${parameter.name} depends on ${parent}, which is no parameter`)
      }
      visit(found, new Set([...below, parameter]))
    }
    ordered.add(parameter)
  }
  for (const parameter of space.parameters) visit(parameter, new Set())
  return [...ordered]
}

/** Whether a parameter takes part, given the values of its parents: an inactive one is absent from the config. */
export function isActive(parameter: Parameter, config: Config | ReadonlyMap<string, Json>): boolean {
  if (parameter.when === undefined) return true
  return Object.entries(parameter.when).every(([parent, allowed]) => {
    const value = valueIn(config, parent)
    return value !== undefined && allowed.some((candidate) => sameValue(candidate, value))
  })
}

/** Equal as JSON: the order of keys does not matter, 1.0 is 1, -0 is 0. */
export function sameValue(a: Json, b: Json): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && canonicalJson(a) === canonicalJson(b))
}

function valueIn(config: Config | ReadonlyMap<string, Json>, name: string): Json | undefined {
  if (config instanceof Map) return config.get(name)
  // A parameter may be called `constructor`.
  return Object.hasOwn(config, name) ? (config as Config)[name] : undefined
}
