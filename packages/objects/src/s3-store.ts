import type { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { SweepError } from '@sweep/spec/errors'
import { checkKey, type ObjectStore, type StoredObject } from './object-store.ts'

/** S3 takes at most 10,000 parts of an object, so this is good for 160 GB; four of them are in memory at once. */
const PART_BYTES = 16 * 1024 * 1024
const PARTS_AT_ONCE = 4

export interface S3Place {
  readonly bucket: string
  /** Goes before every key, with its slash; empty for none. */
  readonly prefix: string
  /** Address of an S3-compatible server; Amazon's own when absent. */
  readonly endpoint?: string
  readonly region: string
}

/** Objects in a bucket of Amazon S3 or of anything that speaks its protocol. Credentials are found as AWS tools do. */
export class S3Store implements ObjectStore {
  readonly name: string
  readonly #client: S3Client
  readonly #place: S3Place

  constructor(place: S3Place) {
    this.#place = place
    this.name = `s3://${place.bucket}/${place.prefix}`
    this.#client = new S3Client({
      region: place.region,
      // What is not Amazon's seldom has a host name for every bucket.
      ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint, forcePathStyle: true }),
      // The checksums that the SDK adds by itself are unknown to older servers; ours are checked from end to end.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    })
  }

  async put(key: string, source: Readable): Promise<number> {
    let size = 0
    source.on('data', (chunk: Buffer) => {
      size += chunk.length
    })
    source.pause()
    let failure: unknown
    source.once('error', (error) => {
      failure = error
    })
    const params = { ...this.#of(key), Body: source }
    const upload = new Upload({ client: this.#client, params, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE })
    try {
      // A failed source aborts the multipart upload, so that no parts stay to be paid for.
      await upload.done()
      return size
    } catch (error) {
      source.destroy()
      // Not every server can abort, and what it says then matters less.
      throw failure ?? storeError(error)
    }
  }

  async get(key: string): Promise<Readable | undefined> {
    const found = await this.#client.send(new GetObjectCommand(this.#of(key))).catch(noneIfMissing)
    return found?.Body as Readable | undefined
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const found = await this.#client.send(new HeadObjectCommand(this.#of(key))).catch(noneIfMissing)
    return found === undefined ? undefined : { key, sizeBytes: found.ContentLength ?? 0 }
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand(this.#of(key))).catch(noneIfMissing)
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const { bucket, prefix: own } = this.#place
    try {
      const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: bucket, Prefix: `${own}${prefix}` })
      for await (const page of pages) {
        for (const { Key: key = '', Size: sizeBytes = 0 } of page.Contents ?? [])
          yield { key: key.slice(own.length), sizeBytes }
      }
    } catch (error) {
      throw storeError(error)
    }
  }

  close(): void {
    this.#client.destroy()
  }

  #of(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#place.bucket, Key: `${this.#place.prefix}${checkKey(key)}` }
  }
}

function noneIfMissing(error: unknown): undefined {
  // A missing bucket is a wrong setting, not a missing object; HEAD has no body to tell them apart, GET has.
  if (error instanceof S3ServiceException && error.name !== 'NoSuchBucket' && statusOf(error) === 404) return undefined
  throw storeError(error)
}

function statusOf(error: S3ServiceException): number | undefined {
  return error.$metadata.httpStatusCode
}

function storeError(error: unknown): unknown {
  if (error instanceof S3ServiceException) {
    const status = statusOf(error) ?? 500
    if (status >= 500 || status === 429) {
      return new SweepError('unavailable', `the object store answered ${status}: ${error.name}`, { cause: error })
    }
    return new SweepError('internal', `the object store refused: ${error.name} ${error.message}`, {
      hint: 'Check the bucket of SWEEP_OBJECTS and the credentials of the server.',
      cause: error,
    })
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const isAway = /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOST|ENET)/.test(code)
  const isTimeout = error instanceof Error && error.name === 'TimeoutError'
  if (!isAway && !isTimeout) return error
  return new SweepError('unavailable', `the object store does not answer: ${code || 'timeout'}`, { cause: error })
}
