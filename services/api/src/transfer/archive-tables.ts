import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as othersTurn } from 'node:timers/promises'
import { partsOf, refused, type SpooledArchive } from './spool-archive.ts'
import { TABLE_FORMATS } from './table-format.ts'
import { type RowOf, TABLES, type TableName } from './tables.ts'

/**
 * The rows of a table of an archive, one part in memory at a time, each checked.
 * @throws SweepError `invalid-request` saying which row of which file is wrong
 */
export async function* rowsOf<Name extends TableName>(
  { folder, manifest }: SpooledArchive,
  table: Name,
): AsyncGenerator<readonly RowOf<Name>[]> {
  const { columns, row } = TABLES[table]
  for (const { path, rows: count } of partsOf(manifest, table)) {
    const bytes = await readFile(join(folder, path))
    const raw = await TABLE_FORMATS[manifest.format].decode(columns, bytes).catch((error: unknown) => {
      throw refused(`${path}: ${error instanceof Error ? error.message : String(error)}`, error)
    })
    if (raw.length !== count) throw refused(`${path} has ${raw.length} rows, and should have ${count}`)
    await othersTurn()
    yield raw.map((one, n) => {
      const found = row.safeParse(one)
      if (found.success) return found.data as RowOf<Name>
      const [issue] = found.error.issues
      throw refused(`${path}, row ${n + 1}: ${issue?.path.join('.') || 'the row'}: ${issue?.message}`, found.error)
    })
  }
}
