import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SweepError } from '@sweep/spec/errors'
import { type Header, type Pack, pack } from 'tar-stream'
import type { Entry } from './entry.ts'

/**
 * A tar archive of entries of a folder. The same entries with the same bytes give the same archive on every host: no
 * times, owners or further modes are kept, and nothing is compressed, as compressors differ between versions.
 * The stream fails with `conflict` when a file changes in size while it is read.
 */
export function packFolder(root: string, entries: readonly Entry[]): Readable {
  const archive = pack()
  fill(archive, root, entries).catch((error: Error) => archive.destroy(error))
  return Readable.from(archive, { objectMode: false })
}

export interface Digest {
  readonly sha256: string
  readonly sizeBytes: number
}

/** Hash and length of what a stream gives. */
export async function digestOf(stream: Readable): Promise<Digest> {
  const hash = createHash('sha256')
  let sizeBytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    hash.update(chunk)
    sizeBytes += chunk.length
  }
  return { sha256: hash.digest('hex'), sizeBytes }
}

async function fill(archive: Pack, root: string, entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) {
    if (entry.kind === 'file' && entry.sizeBytes > 0) {
      // Streams of streamx, which behave as those of Node and are typed apart.
      const sink = archive.entry(headerOf(entry)) as unknown as Writable
      await pipeline(bytesOf(root, entry.path, entry.sizeBytes), sink)
    } else {
      archive.entry(headerOf(entry), '')
    }
  }
  archive.finalize()
}

function headerOf(entry: Entry): Partial<Header> & Pick<Header, 'name'> {
  // Times of 1970, owner 0: whoever unpacks decides.
  const common = { name: entry.path, mtime: new Date(0), uid: 0, gid: 0 }
  switch (entry.kind) {
    case 'file':
      return { ...common, type: 'file', size: entry.sizeBytes, mode: entry.isExecutable ? 0o755 : 0o644 }
    case 'folder':
      return { ...common, type: 'directory', size: 0, mode: 0o755 }
    case 'symlink':
      return { ...common, type: 'symlink', size: 0, linkname: entry.target, mode: 0o777 }
  }
}

async function* bytesOf(root: string, path: string, sizeBytes: number): AsyncIterable<Buffer> {
  let read = 0
  // One byte more than there should be shows that the file has grown.
  for await (const chunk of createReadStream(join(root, path), { end: sizeBytes }) as AsyncIterable<Buffer>) {
    read += chunk.length
    if (read > sizeBytes) throw changed(path)
    yield chunk
  }
  if (read < sizeBytes) throw changed(path)
}

function changed(path: string): SweepError {
  return new SweepError('conflict', `${path} changed while it was read`, {
    hint: 'Try again once nothing writes to it.',
    retryable: true,
  })
}
