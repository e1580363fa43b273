import { expireLeases, markTicketed, queuedWithoutTicket } from '@sweep/store/attempts'
import { notify } from '@sweep/store/listen'
import type { ControllerContext } from '../context.ts'
import { addTickets } from './tickets.ts'

/** Most tickets replaced in one round; the rest come in the next. */
const TICKETS = 1000
/** After a start or an outage agents get this long to renew their leases before any is taken from them. */
const LONGEST_GRACE_MS = 10_000

/**
 * Looks for what nobody reports: attempts whose agent has gone silent, and queued attempts whose ticket was lost. Every
 * controller does it for all sweeps; what is found twice is done once.
 */
export class Sweeper {
  readonly #context: ControllerContext
  readonly #startedAt: number
  #lastRoundAt = Number.NEGATIVE_INFINITY
  #expireFrom = 0

  constructor(context: ControllerContext) {
    this.#context = context
    this.#startedAt = context.clock.now()
  }

  /** @param everyMs how often this is meant to be called */
  async round(everyMs: number): Promise<void> {
    const { clock, settings } = this.#context
    const now = clock.now()
    // Our own standstill, or that of Postgres, must not look like the death of every agent.
    if (now - this.#lastRoundAt > 2 * everyMs + 1000) {
      this.#expireFrom = now + Math.min(settings.agentLeaseMs, LONGEST_GRACE_MS)
    }
    if (now >= this.#expireFrom) await this.#expire()
    await this.#replaceTickets(now)
    this.#lastRoundAt = clock.now()
  }

  async #expire(): Promise<void> {
    const { database, log, settings } = this.#context
    const { ended, queued, sweepIds } = await expireLeases(database, { agentLeaseMs: settings.agentLeaseMs })
    if (ended.length > 0) log.warn({ attempts: ended, queuedAgain: queued.length }, 'leases ran out')
    if (sweepIds.length > 0) await notify(database, 'sweep_changed', sweepIds)
    await addTickets(this.#context, queued)
  }

  async #replaceTickets(now: number): Promise<void> {
    const { database, log, settings } = this.#context
    // A predecessor may have died between storing an attempt and making its ticket: no need to wait for long.
    const isNew = now - this.#startedAt < 2 * settings.ticketAgeMs
    const olderThanMs = isNew ? settings.ticketAgeMs / 2 : settings.ticketAgeMs
    const found = await queuedWithoutTicket(database, olderThanMs, TICKETS)
    if (found.length === 0) return
    if (!(await addTickets(this.#context, found))) return
    await markTicketed(
      database,
      found.map((attempt) => attempt.attemptId),
    )
    log.debug({ attempts: found.length }, 'tickets added again')
  }
}
