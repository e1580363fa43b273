import { SweepError } from '@sweep/spec/errors'
import type { AgentId } from '@sweep/spec/ids'
import { isAnyApiServerUp } from '@sweep/store/api-servers'
import { expireLeases, markTicketed, queuedWithoutTicket } from '@sweep/store/attempts'
import { drainBadHost, excuseVictims, suspectAgents } from '@sweep/store/bad-hosts'
import { notify } from '@sweep/store/listen'
import type { QueuedAttempt } from '@sweep/store/trial-record'
import type { ControllerContext } from '../context.ts'
import { addTickets, addTicketsAgain } from './tickets.ts'

/** Most tickets replaced in one round; the rest come in the next. */
const TICKETS = 1000
/** After a start or an outage agents get a whole lease to come back in before any is taken from them, but no more than this. */
const LONGEST_GRACE_MS = 60_000

/**
 * Looks for what nobody reports: attempts whose agent has gone silent, hosts on which everything fails, and queued
 * attempts whose ticket was lost. Every
 * controller does it for all sweeps; what is found twice is done once.
 */
export class Sweeper {
  readonly #context: ControllerContext
  readonly #startedAt: number
  #lastRoundAt = Number.NEGATIVE_INFINITY
  #expireFrom = 0
  /** Postgres could not be reached or took its time, or no api server is up: agents' heartbeats may be waiting too. */
  #isAway = false

  constructor(context: ControllerContext) {
    this.#context = context
    this.#startedAt = context.clock.now()
  }

  /** @param everyMs how often this is meant to be called */
  async round(everyMs: number): Promise<void> {
    const { clock, settings } = this.#context
    const now = clock.now()
    // A standstill of ours, of Postgres or of the api must not look like the death of every agent: heartbeats had
    // nowhere to go.
    if (this.#isAway || now - this.#lastRoundAt > 1.5 * everyMs + 500) {
      this.#expireFrom = now + Math.min(settings.agentLeaseMs, LONGEST_GRACE_MS)
    }
    this.#isAway = false
    try {
      const found = await this.#watched(everyMs, () => this.#unticketed(now))
      if (!(await this.#watched(everyMs, () => isAnyApiServerUp(this.#context.database)))) this.#isAway = true
      if (!this.#isAway && now >= this.#expireFrom) await this.#expire(everyMs)
      await this.#watched(everyMs, () => this.#judgeHosts())
      await this.#replaceTickets(found)
    } finally {
      this.#lastRoundAt = clock.now()
    }
  }

  async #expire(everyMs: number): Promise<void> {
    const { database, log, settings } = this.#context
    const { agentLeaseMs } = settings
    const { ended, queued, sweepIds } = await this.#watched(everyMs, () => expireLeases(database, { agentLeaseMs }))
    if (ended.length > 0) log.warn({ attempts: ended, queuedAgain: queued.length }, 'leases ran out')
    if (sweepIds.length > 0) await notify(database, 'sweep_changed', sweepIds)
    await addTickets(this.#context, queued)
  }

  /** Drains hosts on which everything fails, and lets what failed there run again. */
  async #judgeHosts(): Promise<void> {
    const { database, log } = this.#context
    const drained: AgentId[] = []
    // One after the other: that one is drained may make the next the last of its kind.
    for (const { id } of await suspectAgents(database)) {
      const reason = await drainBadHost(database, id)
      if (reason === undefined) continue
      drained.push(id)
      log.warn({ agentId: id, reason }, 'agent drained for its failures')
    }
    if (drained.length > 0) await notify(database, 'agent_changed', drained)
    const { queued, sweepIds } = await excuseVictims(database)
    if (sweepIds.length === 0) return
    await notify(database, 'sweep_changed', sweepIds)
    await addTickets(this.#context, queued)
  }

  async #unticketed(now: number): Promise<readonly QueuedAttempt[]> {
    const { database, settings } = this.#context
    // A predecessor may have died between storing an attempt and making its ticket: no need to wait for long.
    const isNew = now - this.#startedAt < 2 * settings.ticketAgeMs
    const olderThanMs = isNew ? settings.ticketAgeMs / 2 : settings.ticketAgeMs
    return await queuedWithoutTicket(database, olderThanMs, TICKETS)
  }

  async #replaceTickets(found: readonly QueuedAttempt[]): Promise<void> {
    const { database, log } = this.#context
    if (found.length === 0) return
    if (!(await addTicketsAgain(this.#context, found))) return
    await markTicketed(
      database,
      found.map((attempt) => attempt.attemptId),
    )
    log.debug({ attempts: found.length }, 'tickets added again')
  }

  /** Notices when Postgres doesn't answer, or not within `ms`. */
  async #watched<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#context
    const from = clock.now()
    try {
      return await work()
    } catch (error) {
      if (error instanceof SweepError && error.retryable) this.#isAway = true
      throw error
    } finally {
      if (clock.now() - from > ms) this.#isAway = true
    }
  }
}
