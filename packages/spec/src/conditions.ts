import { canonicalJson } from './config-hash.ts'
import type { Config, SearchSpace } from './search-space.ts'

/**
 * The names of the parameters that a config should have: those without a condition, and those whose conditions name
 * active parameters with one of the listed values. Conditions may stand before what they name.
 */
export function activeNames(space: SearchSpace, config: Config): Set<string> {
  const byName = new Map(space.parameters.map((parameter) => [parameter.name, parameter]))
  const known = new Map<string, boolean>()

  function isActive(name: string): boolean {
    const seen = known.get(name)
    if (seen !== undefined) return seen
    // A circle, which the parser refuses, counts as inactive here rather than never ending.
    known.set(name, false)
    const parameter = byName.get(name)
    const active =
      parameter !== undefined &&
      Object.entries(parameter.when ?? {}).every(([other, values]) => {
        if (!isActive(other)) return false
        const target = byName.get(other)
        const value = Object.hasOwn(config, other)
          ? config[other]
          : target?.type === 'constant'
            ? target.value
            : undefined
        if (value === undefined) return false
        const key = canonicalJson(value)
        return values.some((candidate) => canonicalJson(candidate) === key)
      })
    known.set(name, active)
    return active
  }

  return new Set(space.parameters.filter((parameter) => isActive(parameter.name)).map((parameter) => parameter.name))
}

/** Without the values of parameters that conditions keep out: a table has a cell for every parameter. */
export function withoutInactive(space: SearchSpace, config: Config): Config {
  const active = activeNames(space, config)
  return Object.fromEntries(Object.entries(config).filter(([name]) => active.has(name)))
}
