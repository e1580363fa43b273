import type { Json } from '../number.ts'
import type { DocumentPath } from './diagnostic.ts'

/** Offsets into the source; null for what came from an override. */
export type Span = readonly [start: number, end: number] | null

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly value: null | boolean | number | string
  /** Spelled as a float: `1.0` and `1e3`, which JavaScript can't tell from integers. */
  readonly float: boolean
  readonly quoted: boolean
  /** As written, without quotes. */
  readonly text: string
  /** What older YAML would have read, when that differs. */
  readonly legacy?: string
  readonly span: Span
}
export interface ListNode {
  readonly kind: 'list'
  readonly items: readonly SourceNode[]
  readonly span: Span
}
export interface MapEntry {
  readonly keySpan: Span
  readonly value: SourceNode
}
export interface MapNode {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, MapEntry>
  readonly span: Span
}
export type SourceNode = ScalarNode | ListNode | MapNode

/** The plain value, as a program would be given it. */
export function toJson(node: SourceNode): Json {
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'list':
      return node.items.map(toJson)
    case 'map':
      return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toJson(entry.value)]))
  }
}

/** The node at a path, or null. */
export function nodeAt(root: SourceNode, path: DocumentPath): SourceNode | null {
  let node: SourceNode = root
  for (const part of path) {
    const next: SourceNode | undefined =
      node.kind === 'map'
        ? node.entries.get(String(part))?.value
        : node.kind === 'list'
          ? node.items[Number(part)]
          : undefined
    if (next === undefined) return null
    node = next
  }
  return node
}

/** The value at a path; undefined where there is none, a list or a map. */
export function scalarAt(root: SourceNode, path: DocumentPath): ScalarNode['value'] | undefined {
  const node = nodeAt(root, path)
  return node?.kind === 'scalar' ? node.value : undefined
}
