/** One thing of a folder that goes into an archive. */
export type Entry = {
  /** From the folder, with slashes. */
  readonly path: string
} & (
  | { readonly kind: 'file'; readonly sizeBytes: number; readonly isExecutable: boolean }
  | { readonly kind: 'folder' }
  | { readonly kind: 'symlink'; readonly target: string }
)

/** Something that stays out, and why, in words that go on from its path. */
export interface LeftOut {
  readonly path: string
  readonly why: string
}

export interface Listing {
  /** Ascending by the bytes of their paths. */
  readonly entries: readonly Entry[]
  readonly leftOut: readonly LeftOut[]
}

export function totalBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.sizeBytes : 0), 0)
}

export function byPath(a: { readonly path: string }, b: { readonly path: string }): number {
  return Buffer.compare(Buffer.from(a.path), Buffer.from(b.path))
}
