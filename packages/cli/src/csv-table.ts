import type { PastTable, TableCell } from '@sweep/spec/document/past-table'
import { CsvError, parse } from 'csv-parse/sync'

/** Of these the one that the first line has most of. */
const SEPARATORS = [',', '\t', ';'] as const

const PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'the quote that is opened here is never closed',
  CSV_INVALID_CLOSING_QUOTE: 'something follows the closing quote of this cell',
  INVALID_OPENING_QUOTE: 'a quote stands inside this cell, which is not quoted as a whole',
}

/**
 * A CSV file (RFC 4180), also with tabs or semicolons, its cells with their places. Empty lines are left out.
 *
 * @param file as positions are to name it
 */
export function parseCsvTable(file: string, source: string): PastTable {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source
  const cells = new CellPlaces(text)
  const rows: TableCell[][] = []
  const table = (): PastTable => ({ file, text, header: rows[0] ?? [], rows: rows.slice(1) })
  try {
    parse(text, {
      delimiter: separatorOf(text),
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      cast: (value, { records, bytes }) => {
        rows[records] ??= []
        rows[records].push({ text: value, span: cells.next(bytes) })
        return value
      },
    })
    return table()
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const message = PROBLEMS[error.code] ?? `the file is no table: ${error.message}`
    const hint = 'Put the whole cell in double quotes, and double the quotes inside it.'
    return { ...table(), problem: { message, span: cells.begun(), hint } }
  }
}

function separatorOf(text: string): string {
  const [line = ''] = text.split(/[\r\n]/, 1)
  const count = (separator: string) => line.split(separator).length
  return SEPARATORS.reduce((most, separator) => (count(separator) > count(most) ? separator : most))
}

/** Turns the bytes at which the parser ends one cell after the other into offsets of the text. */
class CellPlaces {
  readonly #text: string
  readonly #bytes: Buffer
  #byte = 0
  /** Where the last cell ended; undefined before the first. */
  #end: number | undefined

  constructor(text: string) {
    this.#text = text
    this.#bytes = Buffer.from(text)
  }

  /** The span of the next cell, which ends before this byte, without the blanks around it. */
  next(endByte: number): TableCell['span'] {
    const [begin] = this.begun()
    let end = (this.#end ?? 0) + this.#bytes.toString('utf8', this.#byte, endByte).length
    this.#end = end
    this.#byte = endByte
    while (end > begin && ' \t'.includes(this.#text[end - 1]!)) end -= 1
    return [begin, Math.max(begin, end)]
  }

  /** Where the cell after the last one begins: after its separator, or after the ends of lines. */
  begun(): TableCell['span'] {
    let begin = this.#end ?? 0
    const isFirst = this.#end === undefined || '\r\n'.includes(this.#text[begin] ?? '\n')
    if (!isFirst) begin += 1
    const skipped = isFirst ? '\r\n ' : ' '
    while (begin < this.#text.length && skipped.includes(this.#text[begin]!)) begin += 1
    return [begin, Math.min(begin + 1, this.#text.length)]
  }
}
