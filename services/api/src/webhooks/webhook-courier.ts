import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '@sweep/spec/clock'
import type { Database } from '@sweep/store/database'
import { giveServiceLease, takeServiceLease } from '@sweep/store/service-leases'
import { makeEvents } from '@sweep/store/webhooks/events'
import { eventFailed, eventSent, listWebhooks, nextEvent, type WebhookRecord } from '@sweep/store/webhooks/webhooks'
import type { Logger } from 'pino'
import { eventMaker } from './event-maker.ts'
import { type SendOptions, sendWebhook } from './send-webhook.ts'

const LEASE = 'webhooks'
const LEASE_MS = 15_000
/** Events sent to one webhook before its settings are looked at again. */
const MOST_IN_A_ROW = 100

export interface CourierOptions {
  readonly database: Database
  readonly clock: Clock
  readonly log: Logger
  /** Names this server as the one that sends. */
  readonly id: string
  readonly allowPrivate: boolean
  /** Between two looks for news. */
  readonly everyMs?: number
  readonly timeoutMs?: number
  /** The first wait after a failure; each further one is twice as long, to an hour at most. */
  readonly firstWaitMs?: number
  /** Tries after which an event is set aside. */
  readonly mostTries?: number
}

const EVERY_MS = 1000
const TIMEOUT_MS = 10_000
const FIRST_WAIT_MS = 5000
const LONGEST_WAIT_MS = 3_600_000
const MOST_TRIES = 8

/**
 * Makes events of what happened and sends them, to each webhook one after the other in their order, so that a sweep's
 * arrive in theirs. An event counts as sent once the receiver has said so and that is stored: one that was sent just
 * before this server died is sent again. One server does it for all.
 */
export class WebhookCourier {
  readonly #options: CourierOptions
  readonly #busy = new Map<string, Promise<void>>()
  readonly #closed = new AbortController()
  #isOwner = false
  #running: Promise<void> = Promise.resolve()

  constructor(options: CourierOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await this.#running
    await Promise.all(this.#busy.values())
    const { database, id, log } = this.#options
    if (!this.#isOwner) return
    await giveServiceLease(database, LEASE, id).catch((error: unknown) => {
      log.warn({ err: error }, 'webhooks not given over')
    })
  }

  async #run(): Promise<void> {
    const { everyMs = EVERY_MS, log } = this.#options
    while (!this.#closed.signal.aborted) {
      let isBehind = false
      try {
        isBehind = await this.#round()
      } catch (error) {
        log.warn({ err: error }, 'webhooks not looked after')
      }
      // A timer that keeps nobody alive.
      await delay(isBehind ? 1 : everyMs, undefined, { signal: this.#closed.signal, ref: false }).catch(() => undefined)
    }
  }

  /** @returns whether there is more news than one round takes */
  async #round(): Promise<boolean> {
    const { database, id } = this.#options
    const webhooks = await listWebhooks(database)
    if (webhooks.length === 0) return false
    this.#isOwner = await takeServiceLease(database, LEASE, id, LEASE_MS)
    if (!this.#isOwner) return false
    const { more } = await makeEvents(database, eventMaker)
    for (const webhook of webhooks) {
      if (this.#busy.has(webhook.id)) continue
      const work = this.#serve(webhook).finally(() => this.#busy.delete(webhook.id))
      this.#busy.set(webhook.id, work)
    }
    return more
  }

  async #serve(webhook: WebhookRecord): Promise<void> {
    const { log } = this.#options
    try {
      for (let sent = 0; sent < MOST_IN_A_ROW && this.#isOwner && !this.#closed.signal.aborted; sent += 1) {
        if (!(await this.#sendNext(webhook))) return
      }
    } catch (error) {
      // Nothing is lost: the cursor stands where it stood.
      log.warn({ err: error, webhook: webhook.id }, 'webhook not served')
    }
  }

  /** @returns whether an event was dealt with and another may be tried */
  async #sendNext(webhook: WebhookRecord): Promise<boolean> {
    const { clock, database, log, mostTries = MOST_TRIES, firstWaitMs = FIRST_WAIT_MS } = this.#options
    const event = await nextEvent(database, webhook.id)
    if (event === undefined) return false
    const { error } = await sendWebhook(webhook, event.seq, event.body, sendOptions(this.#options, clock.now()))
    if (error === null) {
      await eventSent(database, webhook.id, event.seq)
      return true
    }
    // Of the event as it was read just now: the webhook may have been looked up before its last failure was stored.
    const tries = event.tries + 1
    const isOver = tries >= mostTries
    const waitMs = isOver ? null : Math.min(LONGEST_WAIT_MS, firstWaitMs * 2 ** (tries - 1))
    await eventFailed(database, webhook.id, event, { error, tries, waitMs })
    log.warn(
      { webhook: webhook.id, seq: event.seq, tries, error },
      isOver ? 'webhook event set aside' : 'webhook failed',
    )
    return isOver
  }
}

export function sendOptions(
  { allowPrivate, timeoutMs = TIMEOUT_MS }: Pick<CourierOptions, 'allowPrivate' | 'timeoutMs'>,
  now: number,
): SendOptions {
  return { allowPrivate, timeoutMs, now }
}
