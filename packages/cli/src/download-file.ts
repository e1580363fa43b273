import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ArtifactPath } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'

const TRIES = 3

/**
 * A file into a folder, under its path: whole and checked, or not at all; tried again when the transfer breaks.
 * @param open asks for its bytes
 */
export async function downloadFile(
  into: string,
  { path, sha256 }: { readonly path: string; readonly sha256: string },
  open: () => Promise<AsyncIterable<Uint8Array>>,
): Promise<void> {
  // What a server says is no reason to write anywhere else.
  const file = join(into, ArtifactPath.parse(path))
  await mkdir(dirname(file), { recursive: true })
  for (let left = TRIES - 1; ; left -= 1) {
    const unfinished = `${file}.unfinished`
    try {
      const hash = createHash('sha256')
      const bytes = await open()
      const hashed = async function* () {
        for await (const chunk of bytes) {
          hash.update(chunk)
          yield chunk
        }
      }
      await pipeline(hashed, createWriteStream(unfinished))
      if (hash.digest('hex') !== sha256) throw new SweepError('checksum-mismatch', `${path} did not arrive as it was`)
      await rename(unfinished, file)
      return
    } catch (error) {
      await rm(unfinished, { force: true })
      const isOfDisk = error instanceof Error && 'syscall' in error && 'path' in error
      const isFinal = error instanceof SweepError && !error.retryable && error.code !== 'checksum-mismatch'
      if (left === 0 || isOfDisk || isFinal) throw error
    }
  }
}
