import { createWriteStream } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SweepError } from '@sweep/spec/errors'
import { type Extract, extract, type Header } from 'tar-stream'
import { escapingLink } from './symlinks.ts'

type TarEntry = Extract extends AsyncIterable<infer E> ? E : never

/** More entries are no code and no checkpoint. */
const MOST_ENTRIES = 1_000_000

/**
 * Unpacks an archive of `packFolder` into an empty folder that nobody else writes to. Who made it is not trusted: only
 * files, folders and links come out of it, all inside of the folder, and none in place of another.
 *
 * @throws SweepError `invalid-request` for an archive that wants more than that; what was unpacked by then stays
 */
export async function unpackArchive(source: Readable, folder: string): Promise<void> {
  const archive = extract()
  const links = new Map<string, string>()
  const folders = new Set<string>()
  const read = async () => {
    let count = 0
    for await (const entry of archive) {
      count += 1
      if (count > MOST_ENTRIES) throw refused(`it has more than ${MOST_ENTRIES} entries`)
      await unpackEntry(entry)
    }
  }
  // Streams of streamx, which behave as those of Node and are typed apart.
  const piped = pipeline(source, archive as unknown as Writable)
  piped.catch(() => undefined)
  await read()
  await piped
  // Last of all, so that nothing can be written through them.
  const escaping = escapingLink(links)
  if (escaping !== undefined) throw refused(`the link ${JSON.stringify(escaping)} leads out of it`)
  for (const [path, target] of links) {
    await makeFolder(dirname(path))
    await symlink(target, join(folder, path)).catch(refuseTwice(path))
  }

  async function unpackEntry(entry: TarEntry): Promise<void> {
    const { type, name, mode, linkname }: Header = entry.header
    const path = checkedPath(name)
    switch (type) {
      case 'file':
        await makeFolder(dirname(path))
        // `x` neither replaces a file nor follows a link.
        await pipeline(
          bytesOf(entry),
          createWriteStream(join(folder, path), { flags: 'wx', mode: (mode & 0o111) === 0 ? 0o644 : 0o755 }),
        ).catch(refuseTwice(path))
        return
      case 'directory':
        await makeFolder(path)
        break
      case 'symlink':
        if (links.has(path)) throw refused(`it has ${JSON.stringify(path)} twice`)
        links.set(path, linkname)
        break
      default:
        throw refused(`${JSON.stringify(path)} is a ${type}`)
    }
    entry.resume()
  }

  async function makeFolder(path: string): Promise<void> {
    if (path === '.' || folders.has(path)) return
    await mkdir(join(folder, path), { recursive: true, mode: 0o755 }).catch(refuseTwice(path))
    folders.add(path)
  }
}

/** Not the stream itself: one that was destroyed before anybody listened to it would be waited for without end. */
async function* bytesOf(entry: TarEntry): AsyncIterable<Buffer> {
  yield* entry as AsyncIterable<Buffer>
}

function checkedPath(name: string): string {
  const path = name.replace(/\/+$/, '')
  const parts = path.split('/')
  const isSafe =
    path !== '' && !/[\0\\]/.test(path) && parts.every((part) => part !== '' && part !== '.' && part !== '..')
  if (!isSafe) throw refused(`${JSON.stringify(name.slice(0, 200))} is no path inside of it`)
  return path
}

function refuseTwice(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === 'EEXIST' || error.code === 'ENOTDIR') throw refused(`it has ${JSON.stringify(path)} twice`)
    throw error
  }
}

function refused(why: string): SweepError {
  return new SweepError('invalid-request', `The archive is refused: ${why}.`)
}
