import type { TicketQueue } from '@sweep/queue/ticket-queue'
import { type AgentId, type AttemptId, attemptParts, type SweepId } from '@sweep/spec/ids'
import { queueName } from '@sweep/spec/queue-name'
import type { Room } from '@sweep/spec/wire/agent-protocol'
import { type ClaimedAttempt, type ClaimResult, claimAttempts } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { loadPool } from '@sweep/store/pool'
import type { Logger } from 'pino'
import type { EventHub } from '../events/event-hub.ts'
import { howManyFit, takeRoom } from './room.ts'
import { newTicketLine, retryHeld, type TicketLine, withdrawTickets } from './ticket-line.ts'

/** Notifications are hints; this often the store itself is asked what waits. */
const LOOK_AGAIN_MS = 1000
/** Shortest time between two tries at attempts that their sweep held back. */
const HELD_AGAIN_MS = 25
/** Tickets taken in one go. */
const MOST_TICKETS = 64
/** Tickets taken beyond what is wanted just now, so that the next claim need not wait for the queue. */
const AHEAD = 8
/** Tickets that nobody here has wanted for this long may be what agents of another API wait for. */
const IDLE_MS = 100
/** A claim that is not to wait still waits this long for tickets that are on their way. */
const ON_THE_WAY_MS = 20

export interface ClaimRequest {
  readonly agentId: AgentId
  /** Pools that the agent serves. */
  readonly queues: readonly string[]
  readonly room: Room
  readonly max: number
  readonly waitMs: number
  /** Aborts when nobody waits for the answer any more. */
  readonly gone: AbortSignal
}

/** Tickets that a report claims in its own transaction. `settle` must be called, with null when that failed. */
export interface Aside {
  readonly attemptIds: readonly AttemptId[]
  settle(results: readonly ClaimResult[] | null): void
}

interface Poll {
  readonly request: ClaimRequest
  readonly claimed: ClaimedAttempt[]
  /** Attempts it may still take, and the room for them, less what is being claimed for it just now. */
  left: number
  room: Room
  /** Claims under way for it. */
  busy: number
  isOver: boolean
  readonly answer: (claimed: ClaimedAttempt[]) => void
}

export interface ClaimBrokerOptions {
  readonly database: Database
  readonly queue: TicketQueue
  readonly hub: EventHub
  readonly leaseMs: number
  readonly log: Logger
  /** Tells all APIs that a queue has got tickets. */
  readonly tellQueued: (queueName: string) => void
}

/**
 * Matches agents that wait for work with tickets that wait for an agent. An agent waits in a list; a line of tickets
 * is emptied towards the agents it fits, first come first served, whenever a notification, the end of an attempt or
 * the clock says that there may be tickets. A few more are taken than are wanted, and kept at hand in their order.
 * Whether a ticket holds, the claim in the store decides.
 */
export class ClaimBroker {
  readonly #options: ClaimBrokerOptions
  readonly #polls = new Set<Poll>()
  readonly #lines = new Map<string, TicketLine>()
  readonly #timer: NodeJS.Timeout
  readonly #unsubscribe: readonly (() => void)[]
  #refreshing: Promise<void> | undefined
  #isClosed = false
  #putBacks = 0

  constructor(options: ClaimBrokerOptions) {
    this.#options = options
    this.#unsubscribe = [
      options.hub.on('attempts_queued', (name) => this.#onQueued(name)),
      options.hub.on('sweep_changed', (sweepId) => this.#onSweepChanged(sweepId)),
    ]
    this.#timer = setInterval(() => {
      if (this.#polls.size > 0) this.#refresh()
    }, LOOK_AGAIN_MS)
    this.#timer.unref()
  }

  /** Waits for work that fits; empty when none came in time, when nobody waits any more, or when the server closes. */
  claim(request: ClaimRequest): Promise<ClaimedAttempt[]> {
    if (this.#isClosed || request.gone.aborted) return Promise.resolve([])
    return new Promise((resolve) => {
      const finish = () => this.#finish(poll)
      const timer = setTimeout(finish, Math.max(request.waitMs, ON_THE_WAY_MS))
      request.gone.addEventListener('abort', finish, { once: true })
      const answer = (claimed: ClaimedAttempt[]) => {
        clearTimeout(timer)
        request.gone.removeEventListener('abort', finish)
        resolve(claimed)
      }
      const poll: Poll = { request, claimed: [], left: request.max, room: request.room, busy: 0, isOver: false, answer }
      this.#polls.add(poll)
      if (this.#lines.size === 0) this.#refresh()
      this.#serveAll()
      this.#finishImpatient()
    })
  }

  /**
   * Takes tickets at hand that fit and belong to these sweeps, from the head of each line: whoever reports of a sweep
   * locks its row anyway, and can claim in passing.
   */
  setAside(request: Pick<ClaimRequest, 'queues' | 'room' | 'max'>, sweepIds: ReadonlySet<SweepId>): Aside {
    let { room } = request
    const taken = new Map<TicketLine, AttemptId[]>()
    let left = this.#isClosed ? 0 : request.max
    for (const line of this.#lines.values()) {
      if (!request.queues.includes(line.queue)) continue
      const most = Math.min(left, howManyFit(room, line.shape))
      const other = line.ready.findIndex((id) => !sweepIds.has(attemptParts(id).sweepId))
      const ids = line.ready.splice(0, other === -1 ? most : Math.min(most, other))
      if (ids.length === 0) continue
      taken.set(line, ids)
      left -= ids.length
      room = takeRoom(room, line.shape, ids.length)
      this.#used(line, 0)
    }
    return {
      attemptIds: [...taken.values()].flat(),
      settle: (results) => {
        const held = new Set(results?.filter((one) => one.result === 'held').map((one) => one.attemptId))
        for (const [line, ids] of taken) {
          for (const id of ids) if (results === null || held.has(id)) line.held.add(id)
        }
      },
    }
  }

  /** Answers everybody who waits, with nothing, and puts the tickets at hand back into their queues. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    for (const poll of this.#polls) this.#finish(poll)
    await Promise.all([...this.#lines.values()].map((line) => this.#putBack(line, withdrawTickets(line))))
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
    const { sweeps } = await loadPool(this.#options.database)
    const wanted = new Set<string>()
    for (const sweep of sweeps) {
      if (sweep.outstanding <= sweep.running) continue
      const name = queueName(sweep.queue, sweep.shape)
      wanted.add(name)
      let line = this.#lines.get(name)
      if (line === undefined) {
        line = newTicketLine(name, sweep.queue, sweep.shape)
        this.#lines.set(name, line)
      }
      line.mayHaveTickets = true
      retryHeld(line)
    }
    for (const line of this.#lines.values()) {
      if (wanted.has(line.name)) this.#serve(line)
      else if (!line.isTaking && line.ready.length === 0) this.#drop(line)
    }
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
    let isUsed = false
    let wanted = 0
    for (const poll of this.#polls) {
      if (poll.isOver || poll.claimed.length > 0 || !poll.request.queues.includes(line.queue)) continue
      const fits = Math.min(poll.left, howManyFit(poll.room, line.shape))
      if (fits < 1) continue
      const ids = line.ready.splice(0, fits)
      wanted += fits - ids.length
      if (ids.length === 0) continue
      isUsed = true
      reserve(poll, line.shape, ids.length)
      poll.busy += 1
      void this.#claimFor(line, poll, ids)
    }
    if (isUsed) this.#used(line, wanted)
    else {
      if (wanted > 0) void this.#take(line, wanted + this.#ahead(line))
      this.#watchIdle(line, false)
    }
  }

  /** Tickets of a line were tried, and more of them are wanted: takes those, and a few for the next claim. */
  #used(line: TicketLine, wanted: number): void {
    const ahead = this.#ahead(line)
    line.usedAt = performance.now()
    if (wanted > 0) void this.#take(line, wanted + ahead)
    else if (line.ready.length < ahead / 2) void this.#take(line, ahead - line.ready.length)
    this.#watchIdle(line, true)
  }

  /** Where trials are long, tickets at hand would only be put back. */
  #ahead(line: TicketLine): number {
    return performance.now() - line.usedAt < IDLE_MS ? AHEAD : 0
  }

  async #take(line: TicketLine, count: number): Promise<void> {
    if (line.isTaking || !line.mayHaveTickets) return
    const { log, queue } = this.#options
    const most = Math.min(count, MOST_TICKETS)
    line.isTaking = true
    // Cleared first: a notification that comes while we take must not be forgotten.
    line.mayHaveTickets = false
    try {
      const taken = await queue.take(line.name, most)
      line.ready.push(...taken)
      if (taken.length >= most) line.mayHaveTickets = true
    } catch (error) {
      // What was lost comes back as a new ticket.
      log.warn({ err: error, queue: line.name }, 'no tickets taken')
    } finally {
      line.isTaking = false
    }
    if (this.#isClosed) await this.#putBack(line, withdrawTickets(line))
    this.#serve(line)
    this.#finishImpatient()
  }

  async #claimFor(line: TicketLine, poll: Poll, ids: readonly AttemptId[]): Promise<void> {
    const { database, leaseMs, log } = this.#options
    const { agentId, gone } = poll.request
    let claimed = 0
    if (gone.aborted) {
      line.ready.unshift(...ids)
    } else {
      try {
        for (const result of await claimAttempts(database, { agentId, leaseMs, attemptIds: ids })) {
          if (result.result === 'claimed') {
            poll.claimed.push(result)
            claimed += 1
          } else if (result.result === 'held') {
            line.held.add(result.attemptId)
          }
        }
      } catch (error) {
        for (const id of ids) line.held.add(id)
        log.warn({ err: error, queue: line.name }, 'attempts not claimed')
      }
    }
    reserve(poll, line.shape, claimed - ids.length)
    poll.busy -= 1
    if (poll.busy === 0 && (poll.claimed.length > 0 || poll.isOver)) this.#answer(poll)
    if (claimed < ids.length) {
      this.#serveAll()
      this.#finishImpatient()
    }
  }

  /** Answers those who would rather have nothing than wait, unless something is on its way to them. */
  #finishImpatient(): void {
    for (const poll of this.#polls) {
      if (poll.request.waitMs > 0 || poll.busy > 0) continue
      const { queues } = poll.request
      const mayGet = [...this.#lines.values()].some((line) => line.isTaking && queues.includes(line.queue))
      if (!mayGet) this.#finish(poll)
    }
  }

  #watchIdle(line: TicketLine, isUsed: boolean): void {
    if (isUsed || line.ready.length === 0) {
      clearTimeout(line.idleTimer)
      line.idleTimer = undefined
    }
    if (line.ready.length === 0) return
    line.idleTimer ??= setTimeout(() => {
      line.idleTimer = undefined
      // Held ones stay: nobody else can have them either, and we know when to try again.
      void this.#putBack(line, line.ready.splice(0))
    }, IDLE_MS)
  }

  /** Tickets go back as they were: all are of one priority, so only their place in the queue is lost. */
  async #putBack(line: TicketLine, ids: readonly AttemptId[]): Promise<void> {
    const { log, queue, tellQueued } = this.#options
    if (ids.length === 0) return
    try {
      this.#putBacks += 1
      // A name of its own: the queue may still know the one that was taken.
      const name = (id: AttemptId) => `${id}.back${this.#putBacks}`
      await queue.add(ids.map((id) => ({ queueName: line.name, id: name(id), attemptId: id, priority: 0 })))
      line.mayHaveTickets = true
      tellQueued(line.name)
    } catch (error) {
      log.warn({ err: error, queue: line.name }, 'tickets not put back; the controller will make new ones')
    }
  }

  #finish(poll: Poll): void {
    poll.isOver = true
    // A claim that is under way may still bring something, which must not be lost.
    if (poll.busy === 0) this.#answer(poll)
  }

  #answer(poll: Poll): void {
    poll.isOver = true
    this.#polls.delete(poll)
    poll.answer(poll.claimed)
  }
}

function reserve(poll: Poll, shape: TicketLine['shape'], count: number): void {
  poll.left -= count
  poll.room = takeRoom(poll.room, shape, count)
}
