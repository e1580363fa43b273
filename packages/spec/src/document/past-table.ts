import type { Json } from '../number.ts'
import { applyOverride } from './overrides.ts'
import { type SourceNode, scalarAt } from './source-node.ts'
import { readSourceTree } from './source-tree.ts'

/** A cell of a table in a file. */
export interface TableCell {
  /** Without quotes, and without the blanks around it. */
  readonly text: string
  /** Offsets into the text of the file. */
  readonly span: readonly [start: number, end: number]
}

/** The table of past results that `warm_start.results_file` names, taken apart by whoever could read the file. */
export interface PastTable {
  /** As positions name it. */
  readonly file: string
  readonly text: string
  /** The names of the columns. */
  readonly header: readonly TableCell[]
  readonly rows: readonly (readonly TableCell[])[]
  /** Where the file could be read no further, if so. */
  readonly problem?: { readonly message: string; readonly span: TableCell['span']; readonly hint: string }
}

/** The name of the file that `warm_start.results_file` gives, of a source that may be wrong in any other way. */
export function pastTableName(source: string, overrides: Readonly<Record<string, Json>>): string | undefined {
  if (!source.includes('results_file') && !JSON.stringify(overrides).includes('results_file')) return undefined
  const root = Object.entries(overrides).reduce<SourceNode | null>(
    (node, [key, value]) => node && applyOverride(node, key, value),
    readSourceTree(source).root,
  )
  const name = root && scalarAt(root, ['warm_start', 'results_file'])
  return typeof name === 'string' && name !== '' ? name : undefined
}
