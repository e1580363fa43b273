import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { putContent } from '@sweep/objects/content'
import { SweepError } from '@sweep/spec/errors'
import { finishObject, reserveObject, storedBytes } from '@sweep/store/objects'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiContext } from '../context.ts'

/** An upload says this often that it goes on. */
const RESERVE_EVERY_MS = 600_000

/** A refused body is let pass for so long: some gigabytes on a fast network, and not hours on a slow one. */
const LET_PASS_MS = 5000

export interface StoredBytes {
  readonly sha256: string
  readonly sizeBytes: number
}

/**
 * Puts the body of a request into the object store as it comes. Without a hash it is kept in a temporary file until its
 * own is known.
 * @throws SweepError `invalid-request` without a body, `checksum-mismatch`, `storage-full`
 */
export async function storeUpload(
  request: FastifyRequest,
  reply: FastifyReply,
  sha256: string | undefined,
  context: ApiContext,
): Promise<StoredBytes> {
  const body = request.body as Readable | undefined
  if (body === undefined) throw new SweepError('invalid-request', 'the bytes of the file are missing')
  try {
    return sha256 === undefined ? await storeUnnamed(body, context) : await storeBytes(sha256, body, context)
  } catch (error) {
    await letPass(request, reply)
    throw error
  }
}

/**
 * Before a body is refused, what is still on its way: a client that is cut off while it sends never reads why. Who has
 * much left is answered all the same, and not waited for.
 */
export async function letPass(
  { raw }: Pick<FastifyRequest, 'raw'>,
  reply: Pick<FastifyReply, 'header'>,
  mostMs = LET_PASS_MS,
): Promise<void> {
  reply.header('connection', 'close')
  if (raw.destroyed || raw.complete) return
  raw.resume()
  await finished(raw, { writable: false, signal: AbortSignal.timeout(mostMs) }).catch(() => undefined)
}

export async function storeBytes(sha256: string, source: Readable, context: ApiContext): Promise<StoredBytes> {
  const { database, objects, settings } = context
  const { quotaBytes } = settings.objects
  const reserve = () => reserveObject(database, sha256)
  const renew = setInterval(() => void reserve().catch(() => undefined), RESERVE_EVERY_MS)
  try {
    if (quotaBytes !== undefined && (await storedBytes(database)) >= quotaBytes) throw overQuota(quotaBytes)
    await reserve()
    const sizeBytes = await putContent(objects, sha256, source)
    await finishObject(database, sha256, sizeBytes)
    return { sha256, sizeBytes }
  } finally {
    clearInterval(renew)
  }
}

async function storeUnnamed(source: Readable, context: ApiContext): Promise<StoredBytes> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-upload-'))
  try {
    const file = join(folder, 'bytes')
    const hash = createHash('sha256')
    const hashing = new Transform({
      transform(chunk: Buffer, _, done) {
        hash.update(chunk)
        done(null, chunk)
      },
    })
    await pipeline(source, hashing, createWriteStream(file, { flags: 'wx', mode: 0o600 })).catch((error: unknown) => {
      throw isDiskFull(error) ? fullDisk(error) : error
    })
    return await storeBytes(hash.digest('hex'), createReadStream(file), context)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function overQuota(quotaBytes: number): SweepError {
  return new SweepError('storage-full', `the object store holds ${quotaBytes} bytes, which is all that it may`, {
    hint: 'Raise SWEEP_OBJECTS_QUOTA where the server is started.',
    retryable: true,
  })
}

export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

export function fullDisk(cause: unknown): SweepError {
  return new SweepError('storage-full', "the server's disk has no room to keep the file until its hash is known", {
    hint: 'Send the SHA-256 with it, or set TMPDIR of the server to a larger disk.',
    retryable: true,
    cause,
  })
}
