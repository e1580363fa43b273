import type { SweepError } from '../errors.ts'

/** Something about a document that its author should know, at the place it concerns. */
export interface Diagnostic {
  /** A document with an error is refused; one with warnings runs. */
  readonly severity: 'error' | 'warning'
  /** What was seen and what is wrong with it, one sentence without a full stop. */
  readonly message: string
  /** What would do. */
  readonly hint?: string
  /** As one would say it: `parameters.lr.min`, `command[2]`; empty for the whole file. */
  readonly path: string
  readonly file: string
  /** From 1; absent when the value came from an override rather than the file. */
  readonly line?: number
  /** From 1, in UTF-16 units as editors count them. */
  readonly column?: number
  /** Where it ends on the same line, exclusive. */
  readonly endColumn?: number
}

export type DocumentPath = readonly (string | number)[]

export function pathText(path: DocumentPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  )
}

/** What a `SweepError` of code `invalid-document` carries as `details`. */
export interface DocumentErrorDetails {
  readonly diagnostics: readonly Diagnostic[]
}

/** The diagnostics of an `invalid-document` error, none when it carries none. */
export function diagnosticsOf(error: SweepError): readonly Diagnostic[] {
  const details = error.details
  if (typeof details !== 'object' || details === null || !('diagnostics' in details)) return []
  return Array.isArray(details.diagnostics) ? (details.diagnostics as readonly Diagnostic[]) : []
}
