import type { Database } from '@sweep/store/database'
import { listRunArtifacts } from '@sweep/store/tracking/run-artifacts'

export interface FolderEntry {
  /** Within the folder. */
  readonly name: string
  readonly isFolder: boolean
  readonly sizeBytes: number
}

const READ_AT_ONCE = 1000
/** Behind every path that begins with a folder's name, and before whatever follows the folder. */
const LAST = '\u{10ffff}'

/**
 * What lies in a folder of a run's artifacts, by name; folders are where their files are.
 * @param folder without a slash at its end; empty for the root
 */
export async function listFolder(database: Database, runKey: number, folder: string): Promise<FolderEntry[]> {
  const prefix = folder === '' ? '' : `${folder}/`
  const entries: FolderEntry[] = []
  let after: string | undefined
  for (;;) {
    const files = await listRunArtifacts(database, runKey, {
      prefix,
      ...(after === undefined ? {} : { after }),
      limit: READ_AT_ONCE,
    })
    for (const { path, sizeBytes } of files) {
      const [name = '', ...deeper] = path.slice(prefix.length).split('/')
      after = path
      if (deeper.length === 0) entries.push({ name, isFolder: false, sizeBytes })
      else if (entries.at(-1)?.name !== name || entries.at(-1)?.isFolder !== true) {
        entries.push({ name, isFolder: true, sizeBytes: 0 })
      }
    }
    if (files.length < READ_AT_ONCE) return entries
    const last = entries.at(-1)
    // A folder of many files is not read to its end.
    if (last?.isFolder === true) after = `${prefix}${last.name}/${LAST}`
  }
}
