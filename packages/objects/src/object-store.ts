import type { Readable } from 'node:stream'
import { SweepError } from '@sweep/spec/errors'

export interface StoredObject {
  readonly key: string
  readonly sizeBytes: number
}

/**
 * Where bytes are kept that are too large for the database: code, checkpoints, artifacts. Streams only: an object may be
 * larger than memory. Everything rejects with SweepError `unavailable` while the store is away, and with `storage-full`
 * when it has no room.
 */
export interface ObjectStore {
  /** For people, without secrets. */
  readonly name: string
  /**
   * Keeps an object, in place of any that is there, and resolves with its size once it would outlive a power cut. Whole
   * or not at all: when `source` fails, nothing of it can ever be read, and the error is the source's own.
   */
  put(key: string, source: Readable): Promise<number>
  /** Undefined where there is none. */
  get(key: string): Promise<Readable | undefined>
  head(key: string): Promise<StoredObject | undefined>
  /** Does nothing where there is none. */
  delete(key: string): Promise<void>
  /** Those whose key begins with `prefix`, in any order. */
  list(prefix: string): AsyncIterable<StoredObject>
  close(): void
}

/** Parts that every file system and every S3 takes, and that never lead out of a folder. */
const KEY = /^[a-z0-9][a-z0-9._-]{0,127}(\/[a-z0-9][a-z0-9._-]{0,127}){0,15}$/

/** @throws SweepError `invalid-request` */
export function checkKey(key: string): string {
  if (KEY.test(key)) return key
  throw new SweepError('invalid-request', `${JSON.stringify(key.slice(0, 200))} is no key of an object`)
}
