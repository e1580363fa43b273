import { doubleText, readDouble } from './double-text.ts'
import type { RawRow, TableFormat } from './table-format.ts'

/** A line of JSON for each row. What JSON has no number for (NaN, infinities, -0) is a string. */
export const jsonlFormat: TableFormat = {
  encode(columns, rows) {
    const doubles = Object.entries(columns).flatMap(([name, { kind }]) => (kind === 'double' ? [name] : []))
    const lines = rows.map((row) => `${JSON.stringify(doubles.length === 0 ? row : spelled(row, doubles))}\n`)
    return Buffer.from(lines.join(''))
  },
  async decode(columns, bytes) {
    const doubles = Object.entries(columns).flatMap(([name, { kind }]) => (kind === 'double' ? [name] : []))
    const lines = bytes.toString('utf8').split('\n')
    if (lines.pop() !== '') throw new Error('the last line is cut off')
    return lines.map((line, n) => {
      try {
        return read(JSON.parse(line), doubles)
      } catch (error) {
        throw new Error(`line ${n + 1}: ${error instanceof Error ? error.message : String(error)}`)
      }
    })
  },
}

function spelled(row: RawRow, doubles: readonly string[]): RawRow {
  const odd = doubles.filter((name) => !Number.isFinite(row[name]) || Object.is(row[name], -0))
  return odd.length === 0
    ? row
    : { ...row, ...Object.fromEntries(odd.map((name) => [name, doubleText(Number(row[name]))])) }
}

function read(row: unknown, doubles: readonly string[]): RawRow {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) throw new Error('is no object')
  const found = row as Record<string, unknown>
  for (const name of doubles) {
    const value = found[name]
    if (typeof value === 'string') found[name] = readDouble(value)
  }
  return found
}
