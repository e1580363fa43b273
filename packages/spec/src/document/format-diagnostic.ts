import type { Diagnostic } from './diagnostic.ts'

export interface FormatOptions {
  /** The text the diagnostic is about; without it no line is shown. */
  readonly source?: string
  /** Columns; 80 unless told. */
  readonly width?: number
  /** Paints a part for a terminal; plain when left out. */
  readonly paint?: (part: 'error' | 'warning' | 'place' | 'caret' | 'hint', text: string) => string
}

/**
 * A diagnostic for people:
 *
 *     sweep.yaml:4:12: error: lr: min 5 is not below max 1
 *       4 |   lr: {min: 5, max: 1}
 *         |             ^
 *       Swap them.
 */
export function formatDiagnostic(diagnostic: Diagnostic, options: FormatOptions = {}): string {
  const paint = options.paint ?? ((_part, text) => text)
  const width = Math.max(options.width ?? 80, 40)
  const { line, column, severity, message, hint } = diagnostic
  const place = line === undefined ? diagnostic.file : `${diagnostic.file}:${line}:${column ?? 1}`
  const given = line === undefined && diagnostic.path !== '' ? ' (given beside the file)' : ''
  const head = `${paint('place', `${place}:`)} ${paint(severity, `${severity}:`)} ${printable(message)}${given}`
  const shown =
    line === undefined || options.source === undefined ? [] : excerpt(diagnostic, line, options.source, width)
  const [source, caret] = shown
  const lines = [head]
  if (source !== undefined && caret !== undefined) {
    lines.push(
      source,
      caret.replace(/\^+$/, (carets) => paint('caret', carets)),
    )
  }
  if (hint !== undefined) lines.push(`  ${paint('hint', printable(hint))}`)
  return lines.join('\n')
}

/** All of them, a blank line between each. */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], options: FormatOptions = {}): string {
  return diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, options)).join('\n\n')
}

/** The source line and the line of carets under it, cut to the width around the caret. */
function excerpt(diagnostic: Diagnostic, line: number, source: string, width: number): [string, string] | [] {
  const text = source
    .replace(/^\uFEFF/, '')
    .split('\n')
    [line - 1]?.replace(/\r$/, '')
  if (text === undefined) return []
  const number = `  ${line} | `
  const gutter = `  ${' '.repeat(String(line).length)} | `
  const start = Math.min((diagnostic.column ?? 1) - 1, text.length)
  const end = Math.max(start + 1, Math.min((diagnostic.endColumn ?? start + 2) - 1, text.length))
  const cells = toCells(text)
  const first = cells.findIndex((cell) => cell.offset + cell.length > start)
  const from = first < 0 ? cells.length : first
  const to = Math.max(
    from + 1,
    cells.findIndex((cell) => cell.offset >= end) < 0 ? cells.length : cells.findIndex((cell) => cell.offset >= end),
  )
  const room = width - number.length
  const window = cut(cells, from, to, room)
  const before = widthOf(cells.slice(window.from, from)) + (window.from > 0 ? 3 : 0)
  const marked = Math.max(1, widthOf(cells.slice(from, Math.min(to, window.to))))
  const shown = `${window.from > 0 ? '...' : ''}${cells
    .slice(window.from, window.to)
    .map((cell) => cell.text)
    .join('')}${window.to < cells.length ? '...' : ''}`
  return [`${number}${shown}`.trimEnd(), `${gutter}${' '.repeat(before)}${'^'.repeat(marked)}`]
}

interface Cell {
  readonly offset: number
  readonly length: number
  readonly text: string
  readonly width: number
}

function toCells(text: string): Cell[] {
  const cells: Cell[] = []
  let offset = 0
  for (const char of text) {
    cells.push({ offset, length: char.length, text: printable(char), width: isWide(char) ? 2 : 1 })
    offset += char.length
  }
  return cells
}

function widthOf(cells: readonly Cell[]): number {
  return cells.reduce((total, cell) => total + cell.width, 0)
}

/** As much of the line as fits, the mark in sight and some of what stands before it. */
function cut(cells: readonly Cell[], from: number, to: number, room: number): { from: number; to: number } {
  if (widthOf(cells) <= room) return { from: 0, to: cells.length }
  // Three dots at each end.
  const inner = room - 6
  let start = Math.max(0, Math.min(from - Math.floor(inner / 3), to + 3 - inner))
  if (from - start > inner - 1) start = from
  start = Math.max(0, start)
  let end = start
  let used = 0
  while (end < cells.length && used + (cells[end]?.width ?? 1) <= inner) {
    used += cells[end]?.width ?? 1
    end += 1
  }
  return { from: start, to: end }
}

/** Control and direction-changing characters can't move the reader's cursor or hide text. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => (char === '\t' ? ' ' : '\uFFFD'))
}

function isWide(char: string): boolean {
  return (
    /[\p{Extended_Pictographic}\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]/u.test(
      char,
    ) && (char.codePointAt(0) ?? 0) > 0x10ff
  )
}
