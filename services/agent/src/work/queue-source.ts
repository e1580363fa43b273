import { type TicketQueue, ticketsFor } from '@sweep/queue/ticket-queue'
import type { TicketWait } from '@sweep/queue/ticket-wait'
import type { AttemptId } from '@sweep/spec/ids'
import { type FreeRoom, freeRoom, howManyFit } from '@sweep/spec/room'
import type { AgentQueue, Assignment, ClaimReply, Slot } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { RoomOffer } from '../server/server-api.ts'
import type { WorkSource } from './work-source.ts'

/** So long at most until room that became free, or a queue that is new, is waited for too. */
const WAIT_MS = 2000

/** The queue does not answer; whatever was taken out of it can still be claimed. */
export class QueueAwayError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

export interface QueueSourceOptions {
  readonly tickets: TicketQueue
  readonly wait: Pick<TicketWait, 'wait'>
  readonly queues: readonly AgentQueue[]
  readonly slots: readonly Slot[]
  readonly claimTickets: (attempts: readonly AttemptId[]) => Promise<ClaimReply>
  readonly steady: () => number
  /** Part of the names of tickets that are put back, which must be no other agent's. */
  readonly owner: string
  readonly log: Logger
}

interface Ask {
  readonly max: number
  readonly room: FreeRoom
  readonly endsAt: number
  readonly signal: AbortSignal
  readonly resolve: (assignments: readonly Assignment[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Takes tickets out of the queues that fit, waiting in Redis where all are empty, and claims at the server what they
 * stand for. A ticket may stand for more than there is room for; the rest goes back at once.
 */
export class QueueSource implements WorkSource {
  queues: readonly AgentQueue[]
  readonly #options: QueueSourceOptions
  /** In the order they came. */
  readonly #asks = new Set<Ask>()
  #isPumping = false
  #putBacks = 0

  constructor(options: QueueSourceOptions) {
    this.#options = options
    this.queues = options.queues
  }

  claim({ room, max }: RoomOffer, waitMs: number, signal: AbortSignal): Promise<readonly Assignment[]> {
    const { slots, steady } = this.#options
    return new Promise((resolve, reject) => {
      const endsAt = steady() + waitMs
      this.#asks.add({ max, room: freeRoom(room, slots), endsAt, signal, resolve, reject })
      void this.#pump()
    })
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#asks.size > 0) {
        const hasTaken = await this.#takeAll()
        this.#dismiss()
        if (!hasTaken && this.#asks.size > 0) await this.#wait()
      }
    } catch (error) {
      const away = new QueueAwayError(error)
      for (const ask of this.#asks) ask.reject(away)
      this.#asks.clear()
    } finally {
      this.#isPumping = false
    }
  }

  /** One take from each queue for which there is room. */
  async #takeAll(): Promise<boolean> {
    const { tickets } = this.#options
    let hasTaken = false
    for (const queue of this.queues) {
      const most = this.#wanted(queue)
      if (most < 1) continue
      const ids = await tickets.take(queue.name, most)
      if (ids.length === 0) continue
      hasTaken = true
      for (const ask of [...this.#asks]) {
        const own = ask.signal.aborted ? [] : ids.splice(0, fit(ask, queue))
        if (own.length === 0) continue
        this.#asks.delete(ask)
        void this.#claimFor(ask, queue, own)
      }
      if (ids.length > 0) void this.#putBack(queue, ids)
    }
    return hasTaken
  }

  /** Answers those whose time is over. */
  #dismiss(): void {
    const now = this.#options.steady()
    for (const ask of this.#asks) {
      if (ask.endsAt > now && !ask.signal.aborted) continue
      this.#asks.delete(ask)
      ask.resolve([])
    }
  }

  async #wait(): Promise<void> {
    const { steady, wait } = this.#options
    const [first] = this.#asks
    if (first === undefined) return
    const left = Math.min(...[...this.#asks].map((ask) => ask.endsAt)) - steady()
    const ms = Math.max(1, Math.min(WAIT_MS, left))
    const names = this.queues.filter((queue) => this.#wanted(queue) > 0).map((queue) => queue.name)
    // All asks end with the agent, by the same signal.
    if (names.length > 0) await wait.wait(names, ms, first.signal)
    else await pause(ms, first.signal)
  }

  #wanted(queue: AgentQueue): number {
    return [...this.#asks].reduce((sum, ask) => sum + fit(ask, queue), 0)
  }

  async #claimFor(ask: Ask, queue: AgentQueue, ids: AttemptId[]): Promise<void> {
    try {
      const { assignments } = await this.#options.claimTickets(ids)
      if (assignments.length > 0 || ask.signal.aborted || ask.endsAt <= this.#options.steady()) {
        ask.resolve(assignments)
        return
      }
      // They were gone, or their sweep held them back.
      this.#asks.add(ask)
      void this.#pump()
    } catch (error) {
      await this.#putBack(queue, ids)
      ask.reject(error)
    }
  }

  async #putBack(queue: AgentQueue, ids: readonly AttemptId[]): Promise<void> {
    const { owner, log, steady, tickets } = this.#options
    this.#putBacks += 1
    const suffix = `.${owner}.${Math.round(steady())}.${this.#putBacks}`
    try {
      await tickets.add(
        ticketsFor(
          ids.map((attemptId) => ({ attemptId, queueName: queue.name })),
          suffix,
        ),
      )
    } catch (error) {
      log.warn({ err: error, queue: queue.name }, 'tickets not put back; the controller will make new ones')
    }
  }
}

function fit({ max, room }: Ask, { shape }: AgentQueue): number {
  return Math.min(max, howManyFit(room, shape))
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })
}
