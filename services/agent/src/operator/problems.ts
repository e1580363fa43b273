import { type Diagnostic, diagnosticsOf } from '@sweep/spec/document/diagnostic'
import { SweepError } from '@sweep/spec/errors'
import type { Warning } from '@sweep/spec/wire/api'

const MOST_PROBLEMS = 20

/** Whether what the server says is about the spec, which only its author can change. */
export function isTheAuthors(error: unknown): error is SweepError {
  const codes = ['invalid-document', 'invalid-request', 'too-large', 'not-found']
  return error instanceof SweepError && codes.includes(error.code)
}

export function problemsOf(error: SweepError): string[] {
  const errors = diagnosticsOf(error).filter(({ severity }) => severity === 'error')
  if (errors.length === 0) return [withHint(error.message, error.hint)]
  return errors.map(textOf)
}

/** By the name of the key: what the resource was made of has lines and columns of its own. */
export function textOf({
  path,
  message,
  hint,
}: Pick<Diagnostic, 'message'> & Partial<Pick<Warning, 'path' | 'hint'>>): string {
  return withHint(path === undefined || path === '' ? message : `${path}: ${message}`, hint)
}

function withHint(message: string, hint: string | undefined): string {
  return hint === undefined ? message : `${message}. ${hint}`
}

/** One a line. */
export function listed(problems: readonly string[]): string {
  const more = problems.length - MOST_PROBLEMS
  return [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])].join('\n')
}

/** In one line, for a table. */
export function firstOf(problems: readonly string[]): string {
  const [first = ''] = problems
  return problems.length > 1 ? `${first} (and ${problems.length - 1} more)` : first
}
