import type { Database } from '@sweep/store/database'
import { type Channel, notify } from '@sweep/store/listen'
import type { Logger } from 'pino'

/** Notifications of one kind that come closer together than this travel as one. */
const GATHER_MS = 3

/**
 * Tells the other services what changed. Only a hint: whoever misses one looks again within a second, so a failure is
 * logged and nothing else.
 */
export class Notifier {
  readonly #database: Database
  readonly #log: Logger
  readonly #waiting = new Map<Channel, Set<string>>()
  #timer: NodeJS.Timeout | undefined
  #sending = Promise.resolve()
  #lastMs = Number.NEGATIVE_INFINITY

  constructor(database: Database, log: Logger) {
    this.#database = database
    this.#log = log
  }

  tell(channel: Channel, payloads: Iterable<string>): void {
    let waiting = this.#waiting.get(channel)
    for (const payload of payloads) {
      if (waiting === undefined) {
        waiting = new Set()
        this.#waiting.set(channel, waiting)
      }
      waiting.add(payload)
    }
    if (waiting === undefined || this.#timer !== undefined) return
    // The first after a quiet spell goes out at once; a decision may be waiting for it.
    const dueMs = Math.max(0, this.#lastMs + GATHER_MS - performance.now())
    this.#timer = setTimeout(() => this.#flush(), dueMs)
  }

  /** Sends what waits. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#flush()
    await this.#sending
  }

  #flush(): void {
    this.#timer = undefined
    this.#lastMs = performance.now()
    const batches = [...this.#waiting]
    this.#waiting.clear()
    for (const [channel, payloads] of batches) {
      const sent = notify(this.#database, channel, [...payloads]).catch((error: unknown) => {
        this.#log.warn({ err: error, channel }, 'notification not sent')
      })
      this.#sending = Promise.all([this.#sending, sent]).then(() => undefined)
    }
  }
}
