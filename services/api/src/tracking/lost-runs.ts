import type { Clock } from '@sweep/spec/clock'
import type { Database } from '@sweep/store/database'
import { giveUpIdleRuns, giveUpSilentRuns, takeBackIdleRuns } from '@sweep/store/tracking/run-heartbeats'
import type { Logger } from 'pino'
import { beatMs, type RunPatience } from './run-patience.ts'

export interface LostRunsOptions {
  readonly database: Database
  readonly clock: Clock
  readonly patience: RunPatience
  readonly log: Logger
}

/**
 * Gives up runs outside of sweeps that nothing more is heard of. Several servers may do so at once: rows are locked. Each
 * waits until it has itself been there for as long as a run may be silent, since while it, or Postgres, was away, nobody
 * could be heard.
 */
export class LostRuns {
  readonly #options: LostRunsOptions
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #watchingSince: number
  #lookedAt: number

  constructor(options: LostRunsOptions) {
    this.#options = options
    this.#watchingSince = options.clock.now()
    this.#lookedAt = this.#watchingSince
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking = this.#looking
        .then(() => this.look())
        .catch((error: unknown) => {
          this.#options.log.warn({ err: error }, 'silent runs not looked for')
        })
    }, this.#lookMs)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async look(): Promise<void> {
    const { database, clock, log, patience } = this.#options
    const now = clock.now()
    // This process slept, or Postgres did not answer meanwhile.
    if (now - this.#lookedAt > 3 * this.#lookMs) this.#watchingSince = now
    const returned = await takeBackIdleRuns(database)
    if (returned.length > 0) log.info({ runs: returned }, 'lost runs are back')
    if (now - this.#watchingSince >= patience.silentMs) {
      const silent = await giveUpSilentRuns(database, patience.silentMs)
      const idle = patience.idleMs === undefined ? [] : await giveUpIdleRuns(database, patience.idleMs)
      const runs = [...silent, ...idle]
      if (runs.length > 0) log.info({ runs }, 'runs given up as lost')
    }
    this.#lookedAt = now
  }

  get #lookMs(): number {
    return beatMs(this.#options.patience) / 2
  }
}
