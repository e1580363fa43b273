import { createHash } from 'node:crypto'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { SweepError } from '@sweep/spec/errors'
import type { HttpClient } from './http-client.ts'

/** A transfer that does not move for this long has failed. */
const SILENCE_MS = 60_000

/** Bytes to and from the object store of the server, by their SHA-256. */
export class ObjectTransfer {
  readonly #http: HttpClient

  constructor(http: HttpClient) {
    this.#http = http
  }

  has(sha256: string, signal: AbortSignal): Promise<boolean> {
    return this.#http.exists(`/objects/${sha256}`, { timeoutMs: SILENCE_MS, signal })
  }

  put(sha256: string, bytes: Readable, signal: AbortSignal): Promise<void> {
    return this.#http.put(`/objects/${sha256}`, bytes, { timeoutMs: SILENCE_MS, signal })
  }

  /** The stream fails with `checksum-mismatch` when other bytes arrive, and as `unreachable` when they stop coming. */
  async get(sha256: string, signal: AbortSignal): Promise<Readable> {
    const source = await this.#http.download(`/objects/${sha256}`, { timeoutMs: SILENCE_MS, signal })
    const hash = createHash('sha256')
    const checked = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk)
        done(null, chunk)
      },
      flush(done) {
        const isRight = hash.digest('hex') === sha256
        done(isRight ? null : new SweepError('checksum-mismatch', `other bytes arrived than those of ${sha256}`))
      },
    })
    pipeline(source, checked).catch((error: unknown) => {
      if (error instanceof SweepError) return
      const message = error instanceof Error ? error.message : String(error)
      checked.destroy(new SweepError('unreachable', `the transfer broke off: ${message}`, { cause: error }))
    })
    return checked
  }
}
