import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import { type BasicType, parquetWriteBuffer } from 'hyparquet-writer'
import type { RawRow, TableFormat } from './table-format.ts'
import type { ColumnKind } from './tables.ts'

/** More is no part of an archive of ours: a few bytes of Parquet may stand for very many rows. */
const MOST_ROWS = 1_000_000
const MOST_BYTES = 1_073_741_824

const TYPES: Readonly<Record<ColumnKind, BasicType>> = {
  text: 'STRING',
  int: 'INT64',
  double: 'DOUBLE',
  json: 'STRING',
  // Text, as in the other formats: a Parquet time that every reader takes for the same is hard to come by.
  time: 'STRING',
}

export const parquetFormat: TableFormat = {
  encode(columns, rows) {
    const columnData = Object.entries(columns).map(([name, { kind, nullable }]) => ({
      name,
      type: TYPES[kind],
      nullable: nullable === true,
      data: rows.map((row) => parquetValue(kind, row[name])),
    }))
    return Buffer.from(parquetWriteBuffer({ columnData }))
  },
  async decode(columns, bytes) {
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
    const metadata = parquetMetadata(file)
    const size = metadata.row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0)
    if (Number(metadata.num_rows) > MOST_ROWS || size > MOST_BYTES) {
      throw new Error(`it has ${metadata.num_rows} rows of ${size} bytes, more than ${MOST_ROWS} or ${MOST_BYTES}`)
    }
    const names = metadata.schema.slice(1).map(({ name }) => name)
    if (names.join() !== Object.keys(columns).join()) {
      throw new Error(`the columns are not ${Object.keys(columns).join(', ')}`)
    }
    const rows = await parquetReadObjects({ file, metadata, parsers: { stringFromBytes } })
    return rows.map((row): RawRow => {
      return Object.fromEntries(Object.entries(columns).map(([name, { kind }]) => [name, cellValue(kind, row[name])]))
    })
  },
}

/** Its own takes a byte order mark at the beginning of a text away. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
function stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
  return bytes && decoder.decode(bytes)
}

function parquetValue(kind: ColumnKind, value: unknown): unknown {
  if (value === null || value === undefined) return undefined
  switch (kind) {
    case 'int':
      return BigInt(value as number)
    case 'json':
      return JSON.stringify(value)
    default:
      return value
  }
}

function cellValue(kind: ColumnKind, value: unknown): unknown {
  if (value === null || value === undefined) return null
  switch (kind) {
    case 'int':
      return Number(value)
    case 'json':
      return JSON.parse(String(value))
    default:
      return value
  }
}
