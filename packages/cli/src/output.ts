import { didYouMeanHint } from '@sweep/spec/did-you-mean'
import { SweepError } from '@sweep/spec/errors'
import { layoutTable } from './terminal/table-layout.ts'
import { displayWidth, escapeLines, escapeText, padText, truncateText } from './terminal/terminal-text.ts'

export const OUTPUT_FORMATS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'csv', 'name'] as const
export type OutputFormat = (typeof OUTPUT_FORMATS)[number]

export function outputFormat(text: string): OutputFormat {
  const found = OUTPUT_FORMATS.find((format) => format === text)
  if (found !== undefined) return found
  const hint = didYouMeanHint(text, OUTPUT_FORMATS) ?? `Formats are ${OUTPUT_FORMATS.join(', ')}.`
  throw new SweepError('invalid-request', `There is no output format "${escapeText(text)}".`, { hint })
}

/** True when a program reads the output, so that errors become JSON too. */
export function isJson(format: OutputFormat): boolean {
  return format === 'json' || format === 'jsonl'
}

export type Cell = string | number | boolean | null | undefined

/** One column of a list. Its values are raw; `show` makes them short for people. */
export interface Column<Row> {
  readonly name: string
  readonly value: (row: Row) => Cell
  /** Text in a table on a terminal, where the raw value would be too long or too exact. */
  readonly show?: (row: Row) => string
  readonly align?: 'left' | 'right'
  readonly flexible?: boolean
  readonly minWidth?: number
  /** Shown by `-o wide`, and in what is piped, but not in an ordinary table. */
  readonly wide?: boolean
}

export interface OutputTarget {
  readonly format: OutputFormat
  readonly isTty: boolean
  readonly columns: number
  readonly bold: (text: string) => string
}

/**
 * The text of a list in the wanted format. `data` is what JSON and YAML show, `rows` what tables do; a table that is
 * piped is TSV without truncation, so that `cut` and `awk` see everything.
 */
export async function formatRows<Row>(
  target: OutputTarget,
  list: { data: unknown; rows: readonly Row[]; columns: readonly Column<Row>[]; name: (row: Row) => string },
): Promise<string> {
  const { rows, columns } = list
  switch (target.format) {
    case 'json':
    case 'yaml':
      return formatData(target, list.data)
    case 'jsonl':
      return (Array.isArray(list.data) ? list.data : [list.data]).map((row) => `${jsonText(row)}\n`).join('')
    case 'name':
      return rows.map((row) => `${escapeText(list.name(row))}\n`).join('')
    case 'csv':
      return [
        columns.map((column) => csvCell(column.name)),
        ...rows.map((row) => columns.map((column) => csvCell(cellText(column.value(row))))),
      ]
        .map((cells) => `${cells.join(',')}\n`)
        .join('')
    case 'table':
    case 'wide': {
      if (!target.isTty) {
        const lines = [
          columns.map((column) => column.name),
          ...rows.map((row) => columns.map((column) => escapeText(cellText(column.value(row))))),
        ]
        return lines.map((cells) => `${cells.join('\t')}\n`).join('')
      }
      const shown = target.format === 'wide' ? columns : columns.filter((column) => column.wide !== true)
      const lines = layoutTable(
        shown.map((column) => ({ ...column, title: column.name.toUpperCase() })),
        rows.map((row) => shown.map((column) => escapeText(column.show?.(row) ?? cellText(column.value(row))))),
        target.format === 'wide' ? Number.POSITIVE_INFINITY : target.columns,
      )
      return lines.map((line, i) => `${i === 0 ? target.bold(line) : line}\n`).join('')
    }
  }
}

/** One thing: lines of `name  value` for people, the data itself otherwise. */
export async function formatRecord(
  target: OutputTarget,
  record: { data: unknown; fields: readonly (readonly [string, Cell])[]; name: string },
): Promise<string> {
  switch (target.format) {
    case 'json':
    case 'jsonl':
    case 'yaml':
      return formatData(target, record.data)
    case 'name':
      return `${escapeText(record.name)}\n`
    case 'csv': {
      const header = record.fields.map(([name]) => csvCell(name)).join(',')
      return `${header}\n${record.fields.map(([, value]) => csvCell(cellText(value))).join(',')}\n`
    }
    case 'table':
    case 'wide': {
      if (!target.isTty) {
        return record.fields.map(([name, value]) => `${name}\t${escapeText(cellText(value))}\n`).join('')
      }
      const width = record.fields.reduce((most, [name]) => Math.max(most, displayWidth(name)), 0)
      const room = target.format === 'wide' ? Number.POSITIVE_INFINITY : Math.max(10, target.columns - width - 2)
      return record.fields
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => {
          const text = truncateText(escapeText(cellText(value)), room)
          return `${target.bold(padText(name, width))}  ${text}\n`
        })
        .join('')
    }
  }
}

/** JSON or YAML of anything; `jsonl` is one line. */
export async function formatData(target: Pick<OutputTarget, 'format' | 'isTty'>, data: unknown): Promise<string> {
  if (target.format === 'yaml') {
    const { stringify } = await import('yaml')
    const text = stringify(JSON.parse(JSON.stringify(data, encodeNumber)), { lineWidth: 0 })
    return target.isTty ? escapeLines(text) : text
  }
  return `${jsonText(data, target.format === 'jsonl' ? undefined : 2)}\n`
}

/**
 * JSON in which every control character is escaped, also those that JSON itself would let through, and NaN and the
 * infinities are strings, as on the wire.
 */
export function jsonText(data: unknown, indent?: number): string {
  return JSON.stringify(data, encodeNumber, indent).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function encodeNumber(_key: string, value: unknown): unknown {
  // As `encodeMetric`, whose file would load zod into every command.
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

function cellText(value: Cell): string {
  return value === null || value === undefined ? '' : String(value)
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
