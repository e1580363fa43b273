import type { TicketQueue } from '@sweep/queue/ticket-queue'
import { type AttemptId, attemptParts, type SweepId } from '@sweep/spec/ids'
import { queueName } from '@sweep/spec/queue-name'
import { howManyFit, takeRoom } from '@sweep/spec/room'
import type { ClaimedAttempt, ClaimResult } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { loadPoolSweeps } from '@sweep/store/pool'
import type { Logger } from 'pino'
import type { EventHub } from '../events/event-hub.ts'
import type { IngestLine } from './ingest-line.ts'
import { newTicketLine, retryHeld, type Served, serves, type TicketLine, withdrawTickets } from './ticket-line.ts'
import { TicketSupply } from './ticket-supply.ts'
import { type ClaimRequest, WaitingAgent } from './waiting-agent.ts'

/** Notifications are hints; this often the store itself is asked what waits. */
const LOOK_AGAIN_MS = 1000
/** Shortest time between two tries at attempts that their sweep held back. */
const HELD_AGAIN_MS = 25
/** A claim that is not to wait still waits this long for tickets that are on their way. */
const ON_THE_WAY_MS = 20

/** Tickets that a report claims in its own transaction. `settle` must be called, with null when that failed. */
export interface Aside {
  readonly attemptIds: readonly AttemptId[]
  settle(results: readonly ClaimResult[] | null): void
}

export interface ClaimBrokerOptions {
  readonly database: Database
  readonly queue: TicketQueue
  readonly hub: EventHub
  readonly ingestLine: IngestLine
  readonly leaseMs: number
  readonly log: Logger
  /** Tells all APIs that a queue has got tickets. */
  readonly tellQueued: (queueName: string) => void
}

/**
 * Matches agents that wait for work with tickets that wait for an agent. An agent waits in a list; a line of tickets
 * is emptied towards the agents it fits, first come first served, whenever a notification, the end of an attempt or
 * the clock says that there may be tickets. Whether a ticket holds, the claim in the store decides.
 */
export class ClaimBroker {
  readonly #options: ClaimBrokerOptions
  readonly #waiting = new Set<WaitingAgent>()
  readonly #lines = new Map<string, TicketLine>()
  readonly #supply: TicketSupply
  readonly #timer: NodeJS.Timeout
  readonly #unsubscribe: readonly (() => void)[]
  #refreshing: Promise<void> | undefined
  #isClosed = false

  constructor(options: ClaimBrokerOptions) {
    this.#options = options
    this.#supply = new TicketSupply({
      ...options,
      onTaken: (line) => {
        this.#serve(line)
        this.#finishImpatient()
      },
    })
    this.#unsubscribe = [
      options.hub.on('attempts_queued', (name) => this.#onQueued(name)),
      options.hub.on('sweep_changed', (sweepId) => this.#onSweepChanged(sweepId)),
    ]
    this.#timer = setInterval(() => {
      const holdsSome = [...this.#lines.values()].some((line) => line.held.size > 0)
      if (this.#waiting.size > 0 || holdsSome) this.#refresh()
    }, LOOK_AGAIN_MS)
    this.#timer.unref()
  }

  /** Waits for work that fits; empty when none came in time, when nobody waits any more, or when the server closes. */
  claim(request: ClaimRequest): Promise<ClaimedAttempt[]> {
    if (this.#isClosed || request.gone.aborted) return Promise.resolve([])
    return new Promise((resolve) => {
      const agent = new WaitingAgent(request, (claimed) => {
        clearTimeout(timer)
        request.gone.removeEventListener('abort', finish)
        this.#waiting.delete(agent)
        resolve(claimed)
      })
      const finish = () => agent.finish()
      const timer = setTimeout(finish, Math.max(request.waitMs, ON_THE_WAY_MS))
      request.gone.addEventListener('abort', finish, { once: true })
      this.#waiting.add(agent)
      if (this.#lines.size === 0) this.#refresh()
      this.#serveAll()
      this.#finishImpatient()
    })
  }

  /**
   * Takes tickets at hand that fit and belong to these sweeps, from the head of each line: whoever reports of a sweep
   * locks its row anyway, and can claim in passing.
   */
  setAside(request: Pick<ClaimRequest, keyof Served | 'room' | 'max'>, sweepIds: ReadonlySet<SweepId>): Aside {
    let { room } = request
    const taken = new Map<TicketLine, AttemptId[]>()
    let left = this.#isClosed ? 0 : request.max
    for (const line of this.#lines.values()) {
      if (!serves(request, line)) continue
      this.#supply.dropSpent(line)
      const most = Math.min(left, howManyFit(room, line.shape))
      const other = line.ready.findIndex((id) => !sweepIds.has(attemptParts(id).sweepId))
      const ids = line.ready.splice(0, other === -1 ? most : Math.min(most, other))
      if (ids.length === 0) continue
      taken.set(line, ids)
      left -= ids.length
      room = takeRoom(room, line.shape, ids.length)
      this.#supply.used(line, 0)
    }
    return {
      attemptIds: [...taken.values()].flat(),
      settle: (results) => {
        const held = new Set(results?.filter((one) => one.result === 'held').map((one) => one.attemptId))
        for (const [line, ids] of taken) {
          for (const id of ids) {
            if (results === null || held.has(id)) line.held.add(id)
            else this.#supply.spend(id)
          }
        }
      },
    }
  }

  /** Keeps tickets that an agent took itself until their sweep lets them be claimed; then whoever has room gets them. */
  hold(line: Pick<TicketLine, 'name' | 'queue' | 'shape' | 'launcher'>, ids: readonly AttemptId[]): void {
    if (this.#isClosed) return
    const { held } = this.#line(line)
    for (const id of ids) held.add(id)
  }

  /** Answers everybody who waits, with nothing, and puts the tickets at hand back into their queues. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    for (const agent of this.#waiting) agent.finish()
    await this.#supply.close(this.#lines.values())
  }

  #onQueued(name: string | undefined): void {
    const line = name === undefined ? undefined : this.#lines.get(name)
    if (line === undefined) {
      this.#refresh()
      return
    }
    line.mayHaveTickets = true
    this.#serve(line)
  }

  #onSweepChanged(sweepId: string | undefined): void {
    for (const line of this.#lines.values()) {
      if (line.held.size === 0 || line.heldTimer !== undefined) continue
      const concerned = sweepId === undefined || [...line.held].some((id) => attemptParts(id).sweepId === sweepId)
      if (concerned) this.#retryHeldSoon(line)
    }
  }

  #retryHeldSoon(line: TicketLine): void {
    line.heldTimer = setTimeout(() => {
      line.heldTimer = undefined
      retryHeld(line)
      this.#serve(line)
    }, HELD_AGAIN_MS)
  }

  /** Reads from the store which lines have attempts waiting, and serves them. */
  #refresh(): void {
    if (this.#refreshing !== undefined || this.#isClosed) return
    this.#refreshing = this.#readLines()
      .catch((error: unknown) => this.#options.log.warn({ err: error }, 'waiting attempts not read'))
      .finally(() => {
        this.#refreshing = undefined
      })
  }

  async #readLines(): Promise<void> {
    const wanted = new Set<string>()
    for (const sweep of await loadPoolSweeps(this.#options.database)) {
      if (sweep.outstanding <= sweep.running) continue
      const { launcher, queue, shape } = sweep
      const name = queueName(queue, shape, launcher)
      wanted.add(name)
      const line = this.#line({ name, queue, shape, launcher })
      line.mayHaveTickets = true
      retryHeld(line)
    }
    for (const line of this.#lines.values()) {
      if (wanted.has(line.name)) this.#serve(line)
      else if (!line.isTaking && line.ready.length === 0) this.#drop(line)
    }
  }

  #line(given: Pick<TicketLine, 'name' | 'queue' | 'shape' | 'launcher'>): TicketLine {
    const line = this.#lines.get(given.name) ?? newTicketLine(given)
    this.#lines.set(given.name, line)
    return line
  }

  #drop(line: TicketLine): void {
    withdrawTickets(line)
    this.#lines.delete(line.name)
  }

  /** Room that was set aside for one line may be free for another again. */
  #serveAll(): void {
    for (const line of this.#lines.values()) this.#serve(line)
  }

  /** Gives the tickets at hand to those who wait, in the order they came, and takes more where there may be more. */
  #serve(line: TicketLine): void {
    if (this.#isClosed) return
    this.#supply.dropSpent(line)
    let isUsed = false
    let wanted = 0
    for (const agent of this.#waiting) {
      const fits = agent.wants(line)
      if (fits < 1) continue
      const ids = line.ready.splice(0, fits)
      wanted += fits - ids.length
      if (ids.length === 0) continue
      isUsed = true
      agent.reserve(line, ids.length)
      void this.#claimFor(line, agent, ids)
    }
    if (isUsed) this.#supply.used(line, wanted)
    else this.#supply.unused(line, wanted)
  }

  async #claimFor(line: TicketLine, agent: WaitingAgent, ids: readonly AttemptId[]): Promise<void> {
    const { ingestLine, leaseMs, log } = this.#options
    const { agentId, gone } = agent.request
    const claimed: ClaimedAttempt[] = []
    if (gone.aborted) {
      line.ready.unshift(...ids)
    } else {
      try {
        for (const result of await ingestLine.claim(agentId, leaseMs, ids)) {
          if (result.result === 'held') {
            line.held.add(result.attemptId)
            continue
          }
          this.#supply.spend(result.attemptId)
          if (result.result === 'claimed') claimed.push(result)
        }
      } catch (error) {
        for (const id of ids) line.held.add(id)
        log.warn({ err: error, queue: line.name }, 'attempts not claimed')
      }
    }
    agent.claimed(line, ids.length, claimed)
    if (claimed.length < ids.length) {
      this.#serveAll()
      this.#finishImpatient()
    }
  }

  /** Answers those who would rather have nothing than wait, unless something is on its way to them. */
  #finishImpatient(): void {
    for (const agent of this.#waiting) {
      if (agent.request.waitMs > 0 || agent.isBusy) continue
      const mayGet = [...this.#lines.values()].some((line) => line.isTaking && serves(agent.request, line))
      if (!mayGet) agent.finish()
    }
  }
}
