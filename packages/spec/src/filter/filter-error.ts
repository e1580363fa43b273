import type { Diagnostic } from '../document/diagnostic.ts'
import { SweepError } from '../errors.ts'

/** Part of the text, in UTF-16 units; `end` is exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** An `invalid-request` that says where; its details hold a diagnostic, which `formatDiagnostic` draws with a caret. */
export function filterError(source: string, span: Span, message: string, hint?: string): SweepError {
  const before = source.slice(0, span.start).split('\n')
  const line = before.length
  const column = (before.at(-1)?.length ?? 0) + 1
  const diagnostic: Diagnostic = {
    severity: 'error',
    message,
    ...(hint === undefined ? {} : { hint }),
    path: '',
    file: 'filter',
    line,
    column,
    endColumn: column + Math.max(1, span.end - span.start),
  }
  return new SweepError('invalid-request', `filter:${line}:${column}: ${message}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { diagnostics: [diagnostic] },
  })
}

/** What somebody wrote, short enough to be said back. */
export function quoted(text: string): string {
  const characters = [...text]
  return JSON.stringify(characters.length > 60 ? `${characters.slice(0, 57).join('')}...` : text)
}
