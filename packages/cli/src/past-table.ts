import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { PastTable } from '@sweep/spec/document/past-table'
import { SweepError } from '@sweep/spec/errors'
import type { Json } from '@sweep/spec/number'
import { usageError } from './exit-codes.ts'

/** What a table may weigh: some hundred thousand rows. */
const MOST_BYTES = 64 * 1024 * 1024

/**
 * The table of past results that a sweep file names, relative to itself; undefined when it names none.
 *
 * @param cwd absolute folder that the sweep file's own name is relative to
 * @throws SweepError when the file can't be read
 */
export async function readPastTable(
  cwd: string,
  { source, file }: { readonly source: string; readonly file: string },
  overrides: Readonly<Record<string, Json>>,
): Promise<PastTable | undefined> {
  const { pastTableName } = await import('@sweep/spec/document/past-table')
  const name = pastTableName(source, overrides)
  if (name === undefined) return undefined
  const shown = resolve(name) === name ? name : join(dirname(file), name)
  const path = resolve(cwd, shown)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) {
    throw new SweepError('not-found', `There is no file ${shown}, which ${file} names as warm_start.results_file.`, {
      hint: 'Its name is relative to the sweep file.',
    })
  }
  if (!found.isFile()) throw usageError(`${shown} is no file.`, 'warm_start.results_file is to name a CSV file.')
  if (found.size > MOST_BYTES) {
    throw new SweepError('too-large', `${shown} holds ${found.size} bytes; a table has at most ${MOST_BYTES}.`)
  }
  const { parseCsvTable } = await import('./csv-table.ts')
  return parseCsvTable(shown, await readFile(path, 'utf8'))
}
