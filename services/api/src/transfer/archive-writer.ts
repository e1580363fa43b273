import { createHash } from 'node:crypto'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as othersTurn } from 'node:timers/promises'
import {
  MANIFEST,
  TRANSFER_VERSION,
  type TransferFormat,
  type TransferManifest,
} from '@sweep/spec/wire/tracking/transfer'
import type { Pack } from 'tar-stream'
import { TABLE_FORMATS } from './table-format.ts'
import { type RowOf, TABLE_NAMES, TABLES, type TableName } from './tables.ts'

/**
 * A part is written once it is about so large as JSON: a tar has to know how long a file is before its bytes. Parts are
 * taken apart in one go, and meanwhile the server does nothing else, so they are small.
 */
const PART_BYTES = 1_048_576
/** Of a point as JSON; counting each would take as long as writing it. */
const POINT_BYTES = 90

/** Writes tables and files into a tar, in memory for one part of each table. */
export class ArchiveWriter {
  readonly #pack: Pack
  readonly #format: TransferFormat
  readonly #open = new Map<TableName, { rows: object[]; bytes: number }>()
  readonly #parts = new Map<TableName, number>()
  readonly #files: TransferManifest['files'] = []
  readonly #objects = new Set<string>()

  constructor(pack: Pack, format: TransferFormat) {
    this.#pack = pack
    this.#format = format
  }

  async add<Name extends TableName>(table: Name, row: RowOf<Name>): Promise<void> {
    const open = this.#open.get(table) ?? { rows: [], bytes: 0 }
    this.#open.set(table, open)
    open.rows.push(row)
    open.bytes += table === 'metrics' ? POINT_BYTES : JSON.stringify(row).length
    if (open.bytes >= PART_BYTES) await this.#flush(table)
  }

  hasObject(sha256: string): boolean {
    return this.#objects.has(sha256)
  }

  async addObject(sha256: string, sizeBytes: number, bytes: Readable): Promise<void> {
    this.#objects.add(sha256)
    await this.#entry(`objects/${sha256}`, sizeBytes, bytes)
  }

  async finish(about: Pick<TransferManifest, 'project' | 'exportedAt'>): Promise<void> {
    for (const table of TABLE_NAMES) await this.#flush(table)
    const manifest: TransferManifest = {
      ...{ kind: 'sweep-project', version: TRANSFER_VERSION, format: this.#format, ...about },
      files: this.#files,
      objects: this.#objects.size,
    }
    const bytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
    await this.#entry(MANIFEST, bytes.length, Readable.from([bytes]))
    this.#pack.finalize()
  }

  async #flush(table: TableName): Promise<void> {
    const open = this.#open.get(table)
    if (open === undefined || open.rows.length === 0) return
    this.#open.delete(table)
    const part = (this.#parts.get(table) ?? 0) + 1
    this.#parts.set(table, part)
    const bytes = TABLE_FORMATS[this.#format].encode(TABLES[table].columns, open.rows as Record<string, unknown>[])
    const path = `${table}-${String(part).padStart(6, '0')}.${this.#format}`
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    this.#files.push({ path, rows: open.rows.length, sizeBytes: bytes.length, sha256 })
    await this.#entry(path, bytes.length, Readable.from([bytes]))
    // While whoever reads it is fast enough, nothing else here waits for anything.
    await othersTurn()
  }

  async #entry(name: string, size: number, bytes: Readable): Promise<void> {
    // Streams of streamx, which behave as those of Node and are typed apart.
    const sink = this.#pack.entry({ name, size, mode: 0o644, mtime: new Date(0) }) as unknown as Writable
    await pipeline(bytes, sink)
  }
}
