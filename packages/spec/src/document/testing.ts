import { expect } from 'vitest'
import type { Json } from '../number.ts'
import type { Parameter } from '../search-space.ts'
import { formatDiagnostic } from './format-diagnostic.ts'
import { type ParseResult, parseDocument } from './parse-document.ts'
import type { SweepDocument } from './sweep-document.ts'

/** For tests of this package. */
export function parse(source: string, overrides?: Record<string, Json>): ParseResult {
  return parseDocument(source, {
    file: 'sweep.yaml',
    newSeed: () => 7,
    ...(overrides === undefined ? {} : { overrides }),
  })
}

/** The document of a source that must have no error. */
export function parsed(source: string, overrides?: Record<string, Json>): SweepDocument {
  const { document, diagnostics } = parse(source, overrides)
  expect(diagnostics.filter((diagnostic) => diagnostic.severity === 'error')).toEqual([])
  if (document === null) throw new Error('no document')
  return document
}

/** All diagnostics as people see them, one text. */
export function shown(source: string, overrides?: Record<string, Json>): string {
  return parse(source, overrides)
    .diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, { source }))
    .join('\n')
}

/** Messages with their places: `3:5 error: ...`. */
export function messages(source: string, overrides?: Record<string, Json>): string[] {
  return parse(source, overrides).diagnostics.map(
    ({ line, column, severity, message }) =>
      `${line === undefined ? '-' : `${line}:${column}`} ${severity}: ${message}`,
  )
}

/** A sweep with only this under `parameters`, so that a position in it is `line 5`. */
export function withParameters(yaml: string, method = 'random'): string {
  return `method: ${method}\nprogram: train.py\nrun_cap: 5\nparameters:\n${yaml
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\n`
}

/** The one parameter of such a sweep. */
export function parameter(yaml: string): Parameter {
  const found = parsed(withParameters(yaml)).space.parameters
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} parameters`)
  return found[0]
}
