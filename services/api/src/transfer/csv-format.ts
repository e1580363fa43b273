import { parse } from 'csv-parse/sync'
import { doubleText, readDouble } from './double-text.ts'
import type { RawRow, TableFormat } from './table-format.ts'
import type { ColumnKind } from './tables.ts'

const MOST_RECORD_BYTES = 268_435_456

/**
 * CSV as RFC 4180 has it, with the names of the columns first. Text is always quoted, so nothing at all between two commas
 * is null and `""` is the empty text.
 */
export const csvFormat: TableFormat = {
  encode(columns, rows) {
    const fields = Object.entries(columns)
    const lines = rows.map((row) => fields.map(([name, { kind }]) => cellText(kind, row[name])).join(','))
    return Buffer.from(`${[fields.map(([name]) => name).join(','), ...lines].join('\r\n')}\r\n`)
  },
  async decode(columns, bytes) {
    const fields = Object.entries(columns)
    // Asked of every cell, which takes five times as long as all the rest; points have nothing that may be null.
    const isNullable = fields.some(([, { nullable }]) => nullable === true)
    const records: Cell[][] = parse(bytes, {
      max_record_size: MOST_RECORD_BYTES,
      ...(isNullable
        ? { cast: (value: string, { quoting }: { quoting: boolean }) => (quoting || value !== '' ? value : null) }
        : {}),
    })
    const [header = [], ...lines] = records
    if (header.join() !== fields.map(([name]) => name).join()) {
      throw new Error(`the columns are not ${fields.map(([name]) => name).join(', ')}`)
    }
    return lines.map((line, n) => {
      try {
        return Object.fromEntries(
          fields.map(([name, { kind }], at) => [name, cellValue(kind, line[at] ?? null)]),
        ) as RawRow
      } catch (error) {
        throw new Error(`record ${n + 1}: ${error instanceof Error ? error.message : String(error)}`)
      }
    })
  },
}

type Cell = string | null

function cellText(kind: ColumnKind, value: unknown): string {
  if (value === null || value === undefined) return ''
  switch (kind) {
    case 'int':
      return String(value)
    case 'double':
      return doubleText(Number(value))
    case 'text':
    case 'time':
      return quoted(String(value))
    case 'json':
      return quoted(JSON.stringify(value))
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function cellValue(kind: ColumnKind, cell: Cell): unknown {
  if (cell === null) return null
  switch (kind) {
    case 'int':
    case 'double':
      return readDouble(cell)
    case 'text':
    case 'time':
      return cell
    case 'json':
      return JSON.parse(cell)
  }
}
