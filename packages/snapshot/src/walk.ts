import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { byPath, type Entry, type LeftOut, type Listing } from './entry.ts'
import { escapingLink } from './symlinks.ts'

export interface WalkOptions {
  readonly isIgnored?: (path: string, isFolder: boolean) => boolean
  /** Called with every file that goes in; throws to end the walk. */
  readonly onFile?: (entry: Entry & { readonly kind: 'file' }) => void
}

/** Everything in a folder, empty folders too. */
export async function walkFolder(root: string, options: WalkOptions = {}): Promise<Listing> {
  const found: Found = { entries: [], leftOut: [] }
  await walk(root, '', options, found)
  return finished(found)
}

interface Found {
  readonly entries: Entry[]
  readonly leftOut: LeftOut[]
}

async function walk(root: string, folder: string, options: WalkOptions, found: Found): Promise<void> {
  const names = await readdir(join(root, folder)).catch((error: NodeJS.ErrnoException) => {
    if (folder === '') throw error
    found.leftOut.push({ path: folder, why: `can't be read (${error.code})` })
    return []
  })
  for (const name of names) {
    const path = folder === '' ? name : `${folder}/${name}`
    const entry = await entryOf(root, path, found.leftOut)
    if (entry === undefined || options.isIgnored?.(path, entry.kind === 'folder') === true) continue
    found.entries.push(entry)
    if (entry.kind === 'file') options.onFile?.(entry)
    if (entry.kind === 'folder') await walk(root, path, options, found)
  }
}

/** Undefined for what is gone, and for what no archive can hold. */
export async function entryOf(root: string, path: string, leftOut: LeftOut[]): Promise<Entry | undefined> {
  const full = join(root, path)
  const stats = await lstat(full).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (stats === undefined) {
    // A name that is not UTF-8 can't be named to the file system again.
    if (path.includes('\ufffd')) leftOut.push({ path, why: 'has a name that is not UTF-8' })
    return undefined
  }
  if (stats.isDirectory()) return { path, kind: 'folder' }
  if (stats.isSymbolicLink()) return { path, kind: 'symlink', target: await readlink(full) }
  if (!stats.isFile()) {
    leftOut.push({ path, why: 'is neither a file nor a folder' })
    return undefined
  }
  return { path, kind: 'file', sizeBytes: stats.size, isExecutable: (stats.mode & 0o111) !== 0 }
}

/** Sorted, without the links that lead out: elsewhere they would lead to something else. */
export function finished({ entries, leftOut }: Found): Listing {
  const links = new Map(
    entries.flatMap((entry) => (entry.kind === 'symlink' ? [[entry.path, entry.target] as const] : [])),
  )
  const out = [...leftOut]
  for (let path = escapingLink(links); path !== undefined; path = escapingLink(links)) {
    out.push({ path, why: `is a link that leads out of the folder, to ${links.get(path)}` })
    links.delete(path)
  }
  const kept = entries.filter((entry) => entry.kind !== 'symlink' || links.has(entry.path))
  return { entries: kept.sort(byPath), leftOut: out.sort(byPath) }
}
