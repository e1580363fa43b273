import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import { checkKey, type ObjectStore, type StoredObject } from './object-store.ts'

/** What is being written stands here; no key begins with a dot. */
const UNFINISHED = '.unfinished'
/** A file that nobody has written to for this long was left by a process that was killed. */
const ABANDONED_MS = 3_600_000

/** Objects as files of one folder, which several services may share. */
export class FolderStore implements ObjectStore {
  readonly name: string
  readonly #root: string

  private constructor(root: string) {
    this.#root = root
    this.name = `the folder ${root}`
  }

  /** @throws SweepError `invalid-request` when the folder can't be written to */
  static async open(root: string, clock: Clock): Promise<FolderStore> {
    try {
      await mkdir(join(root, UNFINISHED), { recursive: true, mode: 0o700 })
      await removeAbandoned(join(root, UNFINISHED), clock.now())
    } catch (cause) {
      throw new SweepError('invalid-request', `The folder of objects ${root} can't be used: ${messageOf(cause)}`, {
        hint: 'Free some disk space, or set SWEEP_OBJECTS to another place.',
        cause,
      })
    }
    return new FolderStore(root)
  }

  /** Without a look at the folder: whoever puts something learns what is wrong with it. */
  static unchecked(root: string): FolderStore {
    return new FolderStore(root)
  }

  async put(key: string, source: Readable): Promise<number> {
    const path = this.#path(key)
    let folder: string | undefined
    try {
      await mkdir(join(this.#root, UNFINISHED), { recursive: true, mode: 0o700 })
      folder = await mkdtemp(join(this.#root, UNFINISHED, 'put-'))
      const file = join(folder, 'bytes')
      await pipeline(source, createWriteStream(file, { flags: 'wx', mode: 0o600 }))
      const size = await flushed(file)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      await rename(file, path)
      await flushed(dirname(path))
      return size
    } catch (error) {
      source.destroy()
      throw storeError(error)
    } finally {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
    }
  }

  async get(key: string): Promise<Readable | undefined> {
    const handle = await open(this.#path(key), 'r').catch(noneIfMissing)
    return handle === undefined ? undefined : createReadStream('', { fd: handle, highWaterMark: 256 * 1024 })
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const found = await stat(this.#path(key)).catch(noneIfMissing)
    return found?.isFile() === true ? { key, sizeBytes: found.size } : undefined
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    for await (const key of this.#keys('', prefix)) {
      const found = await this.head(key)
      // It may have been deleted meanwhile.
      if (found !== undefined) yield found
    }
  }

  close(): void {}

  async *#keys(folder: string, prefix: string): AsyncIterable<string> {
    const entries = await readdir(join(this.#root, folder), { withFileTypes: true }).catch(noneIfMissing)
    for (const entry of entries ?? []) {
      if (entry.name.startsWith('.')) continue
      const name = entry.isDirectory() ? `${folder}${entry.name}/` : `${folder}${entry.name}`
      if (!name.startsWith(prefix) && !prefix.startsWith(name)) continue
      if (name.endsWith('/')) yield* this.#keys(name, prefix)
      else yield name
    }
  }

  #path(key: string): string {
    return join(this.#root, checkKey(key))
  }
}

/** Sends a file or folder to the disk itself. @returns its size in bytes */
async function flushed(path: string): Promise<number> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
    return (await handle.stat()).size
  } finally {
    await handle.close()
  }
}

async function removeAbandoned(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const written = (await stat(join(path, 'bytes')).catch(noneIfMissing)) ?? (await stat(path).catch(noneIfMissing))
    if (written !== undefined && now - written.mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true })
  }
}

function noneIfMissing(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined
  throw storeError(error)
}

function storeError(error: unknown): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new SweepError('storage-full', 'the disk of the object store is full', {
        hint: 'Free some space where the server keeps its objects (SWEEP_OBJECTS).',
        retryable: true,
        cause: error,
      })
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new SweepError('storage-full', `the folder of objects can't be written to: ${messageOf(error)}`, {
        hint: 'Set SWEEP_OBJECTS of the server to a folder that can be written to, or to a bucket.',
        cause: error,
      })
    case 'EIO':
    case 'ESTALE':
    case 'ENOTCONN':
      return new SweepError('unavailable', `the object store does not answer: ${messageOf(error)}`, { cause: error })
    default:
      return error
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
