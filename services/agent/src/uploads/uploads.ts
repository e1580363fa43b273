import { readdirSync } from 'node:fs'
import type { AttemptId } from '@sweep/spec/ids'
import type { SavedCheckpoint } from '@sweep/spec/wire/agent-protocol'
import { type Attempt, type UploadContext, uploadArtifacts, uploadCheckpoint } from './upload.ts'
import { type UploadRecord, UploadRecords } from './upload-record.ts'

/**
 * What runs of an agent leave behind, on its way to the object store. Of a running attempt the newest checkpoint goes
 * up in the background; what an ended one left is on record until it is there.
 */
export class Uploads {
  readonly #context: UploadContext
  readonly #records: UploadRecords
  readonly #closed = new AbortController()
  readonly #ending = new Map<AttemptId, Promise<void>>()
  /** The newest checkpoint that waits for the one before it to be uploaded; null when none does. */
  readonly #checkpoints = new Map<AttemptId, { next: SavedCheckpoint | null; done: Promise<void> }>()
  readonly #uploaded = new Map<AttemptId, number>()

  constructor(folder: string, context: UploadContext) {
    this.#context = context
    this.#records = new UploadRecords(folder)
  }

  /** Goes on with what an earlier agent of this home had not done. */
  resume(): void {
    for (const record of this.#records.all()) this.#run(record)
  }

  /** A running attempt has saved a checkpoint. One that comes while another is on its way replaces those that wait. */
  checkpoint(attempt: Attempt, saved: SavedCheckpoint): void {
    const known = this.#checkpoints.get(attempt.attemptId)
    if (known !== undefined) {
      known.next = saved
      return
    }
    const state: { next: SavedCheckpoint | null; done: Promise<void> } = { next: saved, done: Promise.resolve() }
    this.#checkpoints.set(attempt.attemptId, state)
    state.done = this.#uploadCheckpoints(attempt, state)
  }

  /**
   * An attempt has ended: uploads its last checkpoint, if copies are wanted, and its artifacts. Resolves once they are
   * stored, or can't be; undefined when there is nothing to do.
   */
  end(attempt: Attempt, left: Pick<UploadRecord, 'checkpoint' | 'artifacts'>): Promise<void> | undefined {
    const { attemptId, epoch } = attempt
    const { checkpoint } = left
    const isUploaded = checkpoint !== undefined && this.#uploaded.get(attemptId) === checkpoint.step
    const artifacts = left.artifacts !== undefined && hasEntries(left.artifacts) ? left.artifacts : undefined
    const record: UploadRecord = { attemptId, epoch, checkpoint: isUploaded ? undefined : checkpoint, artifacts }
    if (record.checkpoint === undefined && artifacts === undefined) {
      this.#uploaded.delete(attemptId)
      return undefined
    }
    try {
      this.#records.keep(record)
    } catch (error) {
      this.#context.log.warn({ err: error, attemptId }, 'uploads not recorded; a restart would forget them')
    }
    return this.#run(record)
  }

  /** Attempts of which something is still to be uploaded, also what could not be. */
  get pending(): readonly AttemptId[] {
    return [...this.#ending.keys(), ...this.#checkpoints.keys(), ...this.#records.all().map((one) => one.attemptId)]
  }

  /** Resolves when nothing is left to upload. */
  async idle(): Promise<void> {
    await Promise.all(this.#ending.values())
  }

  /** Breaks off; what is on record goes on when an agent is started with this home again. */
  close(): void {
    this.#closed.abort()
  }

  #run(record: UploadRecord): Promise<void> {
    const { attemptId } = record
    const known = this.#ending.get(attemptId)
    if (known !== undefined) return known
    const ending = this.#upload(record)
      .then(() => this.#records.forget(attemptId))
      .catch((error: unknown) => {
        if (!this.#closed.signal.aborted) this.#context.log.error({ err: error, attemptId }, 'uploads failed')
      })
      .finally(() => {
        this.#ending.delete(attemptId)
        this.#uploaded.delete(attemptId)
      })
    this.#ending.set(attemptId, ending)
    return ending
  }

  async #upload(record: UploadRecord): Promise<void> {
    const { attemptId, epoch, checkpoint, artifacts } = record
    const attempt = { attemptId, epoch }
    const { signal } = this.#closed
    // First what the next attempt waits for.
    if (checkpoint !== undefined) {
      this.checkpoint(attempt, checkpoint)
      await this.#checkpoints.get(attemptId)?.done
    }
    if (artifacts !== undefined) await uploadArtifacts(attempt, artifacts, this.#context, signal)
    signal.throwIfAborted()
  }

  async #uploadCheckpoints(attempt: Attempt, state: { next: SavedCheckpoint | null }): Promise<void> {
    const { attemptId } = attempt
    try {
      while (state.next !== null) {
        const saved = state.next
        state.next = null
        if (this.#uploaded.get(attemptId) === saved.step) continue
        const result = await uploadCheckpoint(attempt, saved, this.#context, this.#closed.signal)
        if (result === 'fenced') return
        if (result === 'kept') this.#uploaded.set(attemptId, saved.step)
      }
    } catch (error) {
      if (!this.#closed.signal.aborted) this.#context.log.warn({ err: error, attemptId }, 'checkpoint not uploaded')
    } finally {
      this.#checkpoints.delete(attemptId)
    }
  }
}

function hasEntries(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0
  } catch {
    return false
  }
}
