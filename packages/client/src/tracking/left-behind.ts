import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Spool } from './spool.ts'

/**
 * Spools of processes that are gone, oldest first. Each is this process's as soon as it is given out.
 * @param filter.run of this run only
 */
export function* leftBehind(
  root: string,
  filter: { readonly run?: string; readonly url?: string; readonly elsewhere?: boolean } = {},
): Generator<Spool> {
  const { run, url, elsewhere = true } = filter
  let names: string[]
  try {
    names = readdirSync(root)
  } catch {
    return
  }
  const folders = names
    .filter((name) => (run === undefined ? name.includes('~') : name.startsWith(`${run}~`)))
    .map((name) => join(root, name))
    .map((folder) => ({ folder, at: statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => a.at - b.at)
  for (const { folder } of folders) {
    const spool = Spool.open(folder, { elsewhere, ...(url === undefined ? {} : { url }) })
    if (spool !== undefined) yield spool
  }
}
