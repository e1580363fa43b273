import { canonicalJson } from './config-hash.ts'
import type { Json } from './number.ts'
import type { Config, Parameter, SearchSpace } from './search-space.ts'

/** A config by the paths of its parameters; `float` at a leaf says that a whole number there is a float. */
export type NestedConfig = ReadonlyMap<string, NestedConfig | { readonly value: Json; readonly float: boolean }>

/** Values whose names the space doesn't know stay at the top, so that nothing gets lost. */
export function nestTyped(space: SearchSpace, config: Config): NestedConfig {
  type Mutable = Map<string, Mutable | { readonly value: Json; readonly float: boolean }>
  const root: Mutable = new Map()
  const known = new Set<string>()
  for (const parameter of space.parameters) {
    if (!Object.hasOwn(config, parameter.name)) continue
    known.add(parameter.name)
    const value = config[parameter.name] ?? null
    let map = root
    for (const part of parameter.path.slice(0, -1)) {
      const inner = map.get(part)
      const next: Mutable = inner instanceof Map ? inner : new Map()
      map.set(part, next)
      map = next
    }
    map.set(parameter.path.at(-1) ?? parameter.name, { value, float: isFloatValue(parameter, value) })
  }
  for (const [name, value] of Object.entries(config)) {
    if (!known.has(name)) root.set(name, { value, float: false })
  }
  return root
}

/** The config as a program sees it: parameters nested in the document are nested here. */
export function nestConfig(space: SearchSpace, config: Config): { readonly [key: string]: Json } {
  return plain(nestTyped(space, config))
}

export function plain(nested: NestedConfig): { readonly [key: string]: Json } {
  return Object.fromEntries([...nested].map(([key, item]) => [key, isLeaf(item) ? item.value : plain(item)]))
}

/**
 * The text of `params.json`: indented, in the order of the document, with `1.0` for whole floats, because Python and
 * others tell an int from a float by it.
 */
export function paramsJson(space: SearchSpace, config: Config): string {
  return `${indented(nestTyped(space, config), '')}\n`
}

/** The same on one line, for `${args_json}`. */
export function paramsJsonLine(space: SearchSpace, config: Config): string {
  return oneLine(nestTyped(space, config))
}

function indented(nested: NestedConfig, indent: string): string {
  if (nested.size === 0) return '{}'
  const inner = `${indent}  `
  const lines = [...nested].map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${isLeaf(item) ? leafJson(item) : indented(item, inner)}`,
  )
  return `{\n${lines.join(',\n')}\n${indent}}`
}

function oneLine(nested: NestedConfig): string {
  const items = [...nested].map(
    ([key, item]) => `${JSON.stringify(key)}: ${isLeaf(item) ? leafJson(item) : oneLine(item)}`,
  )
  return `{${items.join(', ')}}`
}

function leafJson({ value, float }: { readonly value: Json; readonly float: boolean }): string {
  if (typeof value !== 'number') return JSON.stringify(value)
  const text = JSON.stringify(value === 0 ? 0 : value)
  return float && /^-?[0-9]+$/.test(text) ? `${text}.0` : text
}

export function isLeaf(
  item: NestedConfig | { readonly value: Json; readonly float: boolean },
): item is { readonly value: Json; readonly float: boolean } {
  return !(item instanceof Map)
}

/** Whether a value of a parameter is a float even when it is whole. */
export function isFloatValue(parameter: Parameter, value: Json): boolean {
  if (typeof value !== 'number') return false
  switch (parameter.type) {
    case 'float':
    case 'normal':
    case 'beta':
      return parameter.quantum?.integer !== true
    case 'int':
      return false
    case 'constant':
      return parameter.float === true
    case 'choice': {
      const key = canonicalJson(value)
      const index = parameter.values.findIndex((candidate) => canonicalJson(candidate) === key)
      return index >= 0 ? (parameter.floats ?? []).includes(index) : false
    }
  }
}
