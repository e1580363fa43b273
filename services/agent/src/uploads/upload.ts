import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, packFolder } from '@sweep/snapshot/pack'
import { walkFolder } from '@sweep/snapshot/walk'
import { ArtifactPath } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import type { AttemptId } from '@sweep/spec/ids'
import type { Kept, SavedCheckpoint } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import { Backoff } from '../server/backoff.ts'
import type { ObjectTransfer } from '../server/object-transfer.ts'
import type { ServerApi } from '../server/server-api.ts'

/** An object store that is full is not asked every few seconds whether it still is: every try sends the bytes. */
const FULL_MS = 60_000
/** A file that changes again and again while it is read is left out after so many tries. */
const MOST_CHANGES = 5

export interface UploadContext {
  readonly api: ServerApi
  readonly objects: ObjectTransfer
  readonly random: () => number
  readonly log: Logger
}

export interface Attempt {
  readonly attemptId: AttemptId
  readonly epoch: number
}

/** `given-up`: it can't be stored, and the log says why. `fenced`: what is of this attempt is of no use to anybody. */
export type Uploaded = 'kept' | 'given-up' | 'fenced'

/** Uploads a checkpoint as one archive, for as long as it takes. */
export async function uploadCheckpoint(
  attempt: Attempt,
  { step, path }: SavedCheckpoint,
  context: UploadContext,
  signal: AbortSignal,
): Promise<Uploaded> {
  const open = async () => packFolder(path, (await walkFolder(path)).entries)
  return upload(open, (sha256) => context.api.keepCheckpoint({ ...attempt, step, path, sha256 }), path, context, signal)
}

/** Uploads the files of a folder, one after the other. */
export async function uploadArtifacts(
  attempt: Attempt,
  folder: string,
  context: UploadContext,
  signal: AbortSignal,
): Promise<Uploaded> {
  const { entries, leftOut } = await walkFolder(folder)
  const log = context.log.child({ attemptId: attempt.attemptId })
  for (const { path, why } of leftOut) log.warn({ path, why }, 'artifact left out')
  for (const { path, kind } of entries) {
    // A link inside stands for a file that is uploaded anyway.
    if (kind !== 'file') continue
    if (!ArtifactPath.safeParse(path).success) {
      log.warn({ path }, 'artifact left out: its name is too long')
      continue
    }
    const open = async () => createReadStream(join(folder, path))
    const keep = (sha256: string) => context.api.keepArtifact({ ...attempt, path, sha256 })
    if ((await upload(open, keep, join(folder, path), context, signal)) === 'fenced') return 'fenced'
  }
  return 'kept'
}

/** Puts bytes into the object store, then tells what they are; again and again while that is of any use. */
async function upload(
  open: () => Promise<Readable>,
  keep: (sha256: string) => Promise<Kept>,
  path: string,
  { log, objects, random }: UploadContext,
  signal: AbortSignal,
): Promise<Uploaded> {
  const backoff = new Backoff(random)
  let changes = 0
  for (;;) {
    try {
      signal.throwIfAborted()
      const { sha256 } = await digestOf(await open())
      if (!(await objects.has(sha256, signal))) await objects.put(sha256, await open(), signal)
      const { result } = await keep(sha256)
      if (result !== 'missing') return result
    } catch (error) {
      if (signal.aborted) throw error
      const code = error instanceof SweepError ? error.code : undefined
      const hasChanged = code === 'checksum-mismatch' || code === 'conflict'
      if (hasChanged) changes += 1
      const mayTryAgain = hasChanged ? changes < MOST_CHANGES : error instanceof SweepError && error.retryable
      if (!mayTryAgain) {
        log.warn({ err: error, path }, 'upload given up')
        return 'given-up'
      }
      log.debug({ err: error, path }, 'upload failed, trying again')
      if (code === 'storage-full') await sleep(FULL_MS * (0.5 + random() / 2), undefined, { signal, ref: false })
    }
    await backoff.wait(signal)
  }
}
