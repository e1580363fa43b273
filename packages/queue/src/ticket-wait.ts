import { SweepError } from '@sweep/spec/errors'
import { queueAway } from './queue-away.ts'
import { QUEUE_PREFIX } from './queue-backend.ts'
import { type RedisConnection, redisConnection } from './redis-connection.ts'

/** An answer may be so late before the connection counts as hung. */
const LATE_MS = 2000

/**
 * Waits for tickets in any of several queues on Redis, on one connection for all. BullMQ's own worker waits with the same
 * command, but for one queue on a connection of its own, and can't be told that there is no room any more.
 */
export class TicketWait {
  readonly #connection: RedisConnection
  readonly #namespace: string

  /** @param namespace as in `openTicketQueue` */
  constructor(redisUrl: string, namespace?: string) {
    this.#connection = redisConnection(redisUrl, undefined)
    this.#namespace = namespace === undefined ? '' : `${namespace}-`
  }

  /**
   * Returns when one of the queues may have tickets, and at the latest after `waitMs`: whoever waited should look into
   * all of them. One wait at a time.
   * @throws SweepError `unavailable`, as `TicketQueue`
   */
  async wait(queueNames: readonly string[], waitMs: number, signal: AbortSignal): Promise<void> {
    const { client, ready } = this.#connection
    // BullMQ sets a queue's marker with every ticket that is added, and again with every one taken while it may hold more.
    const markers = queueNames.map((name) => `${QUEUE_PREFIX}:${this.#namespace}${name}:marker`)
    await this.#guard(async () => {
      await ready()
      // Zero would mean for ever.
      const popped = client.bzpopmin(markers, Math.max(0.01, waitMs / 1000))
      await inTime(popped, waitMs + LATE_MS, signal, () => client.disconnect(true))
    })
  }

  /** Returns when Redis answers. */
  async check(): Promise<void> {
    const { client, ready } = this.#connection
    await this.#guard(async () => {
      await ready()
      await inTime(client.ping(), LATE_MS, undefined, () => client.disconnect(true))
    })
  }

  close(): void {
    this.#connection.client.disconnect()
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      throw error instanceof SweepError ? error : queueAway(this.#connection.name, error)
    }
  }
}

/** Waits for an answer until the signal aborts, and gives up on one that is late. */
function inTime(
  answer: Promise<unknown>,
  ms: number,
  signal: AbortSignal | undefined,
  onLate: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
    }
    const done = () => {
      finish()
      resolve()
    }
    const fail = (error: unknown) => {
      finish()
      reject(error)
    }
    const timer = setTimeout(() => {
      fail(new Error('no answer in time'))
      onLate()
    }, ms)
    signal?.addEventListener('abort', done, { once: true })
    answer.then(done, fail)
    if (signal?.aborted === true) done()
  })
}
