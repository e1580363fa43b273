import { SweepError } from '@sweep/spec/errors'
import type { Tracking } from '../tracking.ts'
import { isLater } from './send-spool.ts'

const AFTER_REFUSAL_MS = 60_000

/** Says now and then that the program of a run lives, so that the server can tell when it does not. */
export class Heartbeat {
  readonly #runId: string
  readonly #tracking: Tracking
  /** By `performance.now`. */
  #due = 0

  constructor(runId: string, tracking: Tracking) {
    this.#runId = runId
    this.#tracking = tracking
  }

  /**
   * Sends one if it is due.
   * @throws SweepError when it is to be tried again later
   */
  async beat(): Promise<void> {
    const now = performance.now()
    if (now < this.#due) return
    try {
      const { everyMs } = await this.#tracking.heartbeat(this.#runId)
      this.#due = now + everyMs
    } catch (error) {
      if (!(error instanceof SweepError) || isLater(error)) throw error
      // A server of an earlier release, or the run is deleted: what is logged will say so.
      this.#due = now + AFTER_REFUSAL_MS
    }
  }
}
