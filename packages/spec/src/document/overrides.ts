import type { Json } from '../number.ts'
import type { MapEntry, SourceNode } from './source-node.ts'

/**
 * The tree with values replaced or added by dotted key (`budget.trials`, `parameters.model.lr.min`). A key of the tree
 * that holds dots itself wins over a path of shorter keys. Null says that a part of the way is no map.
 */
export function applyOverride(root: SourceNode, key: string, value: Json): SourceNode | null {
  return replaceAt(root, key.split('.'), sourceNodeOf(value))
}

function replaceAt(node: SourceNode, parts: readonly string[], value: SourceNode): SourceNode | null {
  if (parts.length === 0) return value
  if (node.kind !== 'map') return null
  let length = parts.length
  while (length > 1 && !node.entries.has(parts.slice(0, length).join('.'))) length -= 1
  const key = parts.slice(0, length).join('.')
  const old = node.entries.get(key)
  const inside: SourceNode = old?.value ?? { kind: 'map', entries: new Map(), span: null }
  const replaced = replaceAt(inside, parts.slice(length), value)
  if (replaced === null) return null
  const entries = new Map<string, MapEntry>(node.entries)
  // A replaced value has no place in the file, so its key has none either.
  entries.set(key, { keySpan: length === parts.length ? null : (old?.keySpan ?? null), value: replaced })
  return { ...node, entries }
}

function sourceNodeOf(value: Json): SourceNode {
  if (Array.isArray(value)) return { kind: 'list', items: value.map(sourceNodeOf), span: null }
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([key, item]): [string, MapEntry] => [
      key,
      { keySpan: null, value: sourceNodeOf(item) },
    ])
    return { kind: 'map', entries: new Map(entries), span: null }
  }
  const scalar = value as null | boolean | number | string
  const float = typeof scalar === 'number' && !Number.isInteger(scalar)
  return { kind: 'scalar', value: scalar, float, quoted: typeof scalar === 'string', text: String(scalar), span: null }
}
