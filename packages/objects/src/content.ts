import { createHash } from 'node:crypto'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SweepError } from '@sweep/spec/errors'
import type { ObjectStore, StoredObject } from './object-store.ts'

/** Key of an object that is called after its content: SHA-256 as 64 hexadecimal digits. */
export function contentKey(sha256: string): string {
  // Some file systems slow down with very many files in one folder.
  return `sha256/${sha256.slice(0, 2)}/${sha256.slice(2)}`
}

/**
 * Keeps bytes under their hash.
 * @throws SweepError `checksum-mismatch` when they have another; nothing is kept then
 */
export async function putContent(store: ObjectStore, sha256: string, source: Readable): Promise<number> {
  const checked = verifying(sha256)
  // What goes wrong before it reaches the store through `checked`.
  pipeline(source, checked).catch(() => undefined)
  return store.put(contentKey(sha256), checked)
}

/**
 * The bytes with this hash, with their size; undefined where there are none. The stream fails before its end when the
 * store gives back other bytes than it was given.
 */
export async function getContent(
  store: ObjectStore,
  sha256: string,
): Promise<(Pick<StoredObject, 'sizeBytes'> & { readonly stream: Readable }) | undefined> {
  const key = contentKey(sha256)
  const found = await store.head(key)
  const source = found === undefined ? undefined : await store.get(key)
  if (found === undefined || source === undefined) return undefined
  const checked = verifying(sha256)
  // Whoever reads `checked` gets the error.
  pipeline(source, checked).catch(() => undefined)
  return { sizeBytes: found.sizeBytes, stream: checked }
}

/** Passes bytes through, the last of them only when all together have this hash. */
export function verifying(sha256: string): Transform {
  const hash = createHash('sha256')
  let held: Buffer | undefined
  return new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      const ready = held
      held = chunk
      done(null, ready)
    },
    flush(done) {
      const found = hash.digest('hex')
      if (found === sha256) {
        done(null, held)
        return
      }
      done(
        new SweepError('checksum-mismatch', `the bytes have the SHA-256 ${found}, not ${sha256}`, {
          hint: 'They were damaged on their way, or changed while they were sent; send them again.',
        }),
      )
    },
  })
}
