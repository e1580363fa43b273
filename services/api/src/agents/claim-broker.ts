import type { TicketQueue } from '@sweep/queue/ticket-queue'
import { type AgentId, type AttemptId, attemptParts } from '@sweep/spec/ids'
import { queueName } from '@sweep/spec/queue-name'
import type { Room, Shape } from '@sweep/spec/wire/agent-protocol'
import { type ClaimedAttempt, claimAttempts } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { loadPool } from '@sweep/store/pool'
import type { Logger } from 'pino'
import type { EventHub } from '../events/event-hub.ts'
import { howManyFit, takeRoom } from './room.ts'

/** Notifications are hints; this often the store itself is asked what waits. */
const LOOK_AGAIN_MS = 1000
/** Shortest time between two tries at attempts that their sweep held back. */
const HELD_AGAIN_MS = 25
/** Tickets taken in one go. */
const MOST_TICKETS = 64

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

/** One ticket queue: one pool and one shape. */
interface Line {
  readonly name: string
  readonly queue: string
  readonly shape: Shape
  /** There may be tickets in it. */
  mayHaveTickets: boolean
  isServing: boolean
  /** Attempts whose ticket we took and whose sweep held them back: it is paused or at its parallelism. */
  readonly held: Set<AttemptId>
  retryHeld: boolean
  heldTimer: NodeJS.Timeout | undefined
}

export interface ClaimBrokerOptions {
  readonly database: Database
  readonly queue: TicketQueue
  readonly hub: EventHub
  readonly leaseMs: number
  readonly log: Logger
}

/**
 * Matches agents that wait for work with tickets that wait for an agent. An agent waits in a list; a line of tickets
 * is emptied towards the agents it fits, first come first served, whenever a notification, the end of an attempt or
 * the clock says that there may be tickets. Whether a ticket holds, the claim in the store decides.
 */
export class ClaimBroker {
  readonly #options: ClaimBrokerOptions
  readonly #polls = new Set<Poll>()
  readonly #lines = new Map<string, Line>()
  readonly #timer: NodeJS.Timeout
  readonly #unsubscribe: readonly (() => void)[]
  #refreshing: Promise<void> | undefined
  #isClosed = false

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
      const timer = setTimeout(finish, request.waitMs)
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
    })
  }

  /** Answers everybody who waits, with nothing. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const line of this.#lines.values()) clearTimeout(line.heldTimer)
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    for (const poll of this.#polls) this.#finish(poll)
  }

  #onQueued(name: string | undefined): void {
    const line = name === undefined ? undefined : this.#lines.get(name)
    if (line === undefined) {
      this.#refresh()
      return
    }
    line.mayHaveTickets = true
    void this.#serve(line)
  }

  #onSweepChanged(sweepId: string | undefined): void {
    for (const line of this.#lines.values()) {
      if (line.held.size === 0 || line.heldTimer !== undefined) continue
      const concerned = sweepId === undefined || [...line.held].some((id) => attemptParts(id).sweepId === sweepId)
      if (concerned) this.#retryHeldSoon(line)
    }
  }

  #retryHeldSoon(line: Line): void {
    line.heldTimer = setTimeout(() => {
      line.heldTimer = undefined
      line.retryHeld = true
      void this.#serve(line)
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
        line = newLine(name, sweep.queue, sweep.shape)
        this.#lines.set(name, line)
      }
      line.mayHaveTickets = true
      line.retryHeld = true
    }
    for (const line of this.#lines.values()) {
      if (wanted.has(line.name)) void this.#serve(line)
      else if (!line.isServing) this.#drop(line)
    }
  }

  #drop(line: Line): void {
    clearTimeout(line.heldTimer)
    this.#lines.delete(line.name)
  }

  /** Room that was set aside for one line may be free for another again. */
  #serveAll(): void {
    for (const line of this.#lines.values()) void this.#serve(line)
  }

  async #serve(line: Line): Promise<void> {
    if (line.isServing) return
    line.isServing = true
    try {
      while (!this.#isClosed && (line.mayHaveTickets || (line.retryHeld && line.held.size > 0))) {
        const shares = this.#share(line)
        if (shares.length === 0) return
        await this.#serveShares(line, shares)
      }
    } catch (error) {
      // Tickets or claims can't be had just now; what was lost comes back as a new ticket.
      this.#options.log.warn({ err: error, queue: line.name }, 'attempts not claimed')
    } finally {
      line.isServing = false
    }
  }

  /** Who could take how many of the line, in the order they came. Reserves the room. */
  #share(line: Line): { poll: Poll; count: number }[] {
    const shares: { poll: Poll; count: number }[] = []
    let total = 0
    for (const poll of this.#polls) {
      if (poll.isOver || poll.claimed.length > 0 || !poll.request.queues.includes(line.queue)) continue
      const count = Math.min(poll.left, howManyFit(poll.room, line.shape), MOST_TICKETS - total)
      if (count < 1) continue
      shares.push({ poll, count })
      reserve(poll, line.shape, count)
      poll.busy += 1
      total += count
      if (total >= MOST_TICKETS) break
    }
    return shares
  }

  async #serveShares(line: Line, shares: readonly { poll: Poll; count: number }[]): Promise<void> {
    const total = shares.reduce((sum, { count }) => sum + count, 0)
    let ids: AttemptId[] = []
    let failure: { readonly error: unknown } | undefined
    try {
      ids = await this.#takeTickets(line, total)
    } catch (error) {
      failure = { error }
    }
    await Promise.all(
      shares.map(async ({ poll, count }) => {
        const own = ids.splice(0, count)
        let claimed = 0
        try {
          claimed = await this.#claimFor(line, poll, own)
        } catch (error) {
          for (const id of own) line.held.add(id)
          failure = { error }
        }
        reserve(poll, line.shape, claimed - count)
        this.#settle(poll)
      }),
    )
    if (failure !== undefined) throw failure.error
    this.#serveAll()
  }

  async #takeTickets(line: Line, total: number): Promise<AttemptId[]> {
    const ids: AttemptId[] = []
    if (line.retryHeld) {
      line.retryHeld = false
      for (const id of line.held) {
        if (ids.length >= total) break
        ids.push(id)
        line.held.delete(id)
      }
    }
    if (ids.length < total && line.mayHaveTickets) {
      // Cleared first: a notification that comes while we take must not be forgotten.
      line.mayHaveTickets = false
      const wanted = total - ids.length
      try {
        const taken = await this.#options.queue.take(line.name, wanted)
        ids.push(...taken)
        if (taken.length >= wanted) line.mayHaveTickets = true
      } catch (error) {
        for (const id of ids) line.held.add(id)
        throw error
      }
    }
    return ids
  }

  /** @returns how many the poll got */
  async #claimFor(line: Line, poll: Poll, ids: readonly AttemptId[]): Promise<number> {
    if (ids.length === 0) return 0
    if (poll.request.gone.aborted) {
      for (const id of ids) line.held.add(id)
      line.retryHeld = true
      return 0
    }
    const { database, leaseMs } = this.#options
    const { agentId } = poll.request
    const results = await claimAttempts(database, { agentId, leaseMs, attemptIds: ids })
    let claimed = 0
    for (const result of results) {
      if (result.result === 'claimed') {
        poll.claimed.push(result)
        claimed += 1
      } else if (result.result === 'held') {
        line.held.add(result.attemptId)
      }
    }
    return claimed
  }

  #settle(poll: Poll): void {
    poll.busy -= 1
    if (poll.busy > 0) return
    if (poll.claimed.length > 0 || poll.isOver) this.#answer(poll)
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

function newLine(name: string, queue: string, shape: Shape): Line {
  const held = new Set<AttemptId>()
  return { name, queue, shape, mayHaveTickets: false, isServing: false, held, retryHeld: false, heldTimer: undefined }
}

function reserve(poll: Poll, shape: Shape, count: number): void {
  poll.left -= count
  poll.room = takeRoom(poll.room, shape, count)
}
