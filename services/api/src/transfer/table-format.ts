import type { TransferFormat } from '@sweep/spec/wire/tracking/transfer'
import { csvFormat } from './csv-format.ts'
import { jsonlFormat } from './jsonl-format.ts'
import { parquetFormat } from './parquet-format.ts'
import type { Table } from './tables.ts'

/** A row as it is: numbers are numbers, also NaN, and what is JSON is taken apart. */
export type RawRow = Readonly<Record<string, unknown>>

/** How rows of a table are written down. What `decode` gives is what `encode` was given, number by number. */
export interface TableFormat {
  encode(columns: Table['columns'], rows: readonly RawRow[]): Buffer
  /** Throws whatever it likes for bytes that it can't read. */
  decode(columns: Table['columns'], bytes: Buffer): Promise<readonly RawRow[]>
}

export const TABLE_FORMATS: Readonly<Record<TransferFormat, TableFormat>> = {
  jsonl: jsonlFormat,
  csv: csvFormat,
  parquet: parquetFormat,
}
