import { canonicalJson } from '@sweep/spec/config-hash'
import type { Json } from '@sweep/spec/number'
import type { Parameter, SearchSpace } from '@sweep/spec/search-space'

/** Values that are this far apart were hardly chosen on a linear scale. */
const LOG_RATIO = 100

/**
 * The search space that these configs look as if they were drawn from: numbers between the least and the largest, on a
 * log scale where they span orders of magnitude, and everything else as a choice. Runs that nobody drew from a space have
 * none, but charts need axes.
 *
 * @param names of the parameters wanted, or all
 */
export function inferSpace(configs: readonly Readonly<Record<string, Json>>[], names?: readonly string[]): SearchSpace {
  const all = names ?? [...new Set(configs.flatMap((config) => Object.keys(config)))].sort()
  return {
    parameters: all.flatMap((name): Parameter[] => {
      const values = configs.flatMap((config) => (Object.hasOwn(config, name) ? [config[name] ?? null] : []))
      return values.length === 0 ? [] : [parameterOf(name, values)]
    }),
  }
}

function parameterOf(name: string, values: readonly Json[]): Parameter {
  const base = { name, path: [name] }
  if (values.every((value) => typeof value === 'number')) {
    const [min, max] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))]
    if (min === max) return { ...base, type: 'constant', value: min }
    const scale = min > 0 && max / min >= LOG_RATIO ? 'log' : 'linear'
    const type = values.every((value) => Number.isSafeInteger(value)) ? 'int' : 'float'
    return { ...base, type, min, max, scale }
  }
  const distinct = [...new Map(values.map((value) => [canonicalJson(value), value])).values()]
  return distinct.length === 1
    ? { ...base, type: 'constant', value: distinct[0]! }
    : { ...base, type: 'choice', values: distinct }
}
