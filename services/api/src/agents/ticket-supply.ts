import { type TicketQueue, ticketsFor } from '@sweep/queue/ticket-queue'
import type { AttemptId } from '@sweep/spec/ids'
import type { Logger } from 'pino'
import { type TicketLine, withdrawTickets } from './ticket-line.ts'

/** Tickets taken in one go. */
const MOST_TICKETS = 64
/** Tickets taken beyond what is wanted just now, so that the next claim need not wait for the queue. */
const AHEAD = 8
/** Tickets that nobody here has wanted for this long may be what agents of another API wait for. */
const IDLE_MS = 100
/** Attempts known to be claimed or over, whose further tickets are dropped without asking the store. */
const MOST_SPENT = 10_000

export interface TicketSupplyOptions {
  readonly queue: TicketQueue
  readonly log: Logger
  /** Tells all APIs that a queue has got tickets. */
  readonly tellQueued: (queueName: string) => void
  /** The queue of a line has answered, with tickets or with none. */
  readonly onTaken: (line: TicketLine) => void
}

/**
 * Takes tickets out of their queues into the lines, a few more than are wanted, which are kept at hand in their order;
 * puts back what nobody has wanted for a while.
 */
export class TicketSupply {
  readonly #options: TicketSupplyOptions
  /** The longest known come first. */
  readonly #spent = new Set<AttemptId>()
  #isClosed = false
  #putBacks = 0

  constructor(options: TicketSupplyOptions) {
    this.#options = options
  }

  /** Tickets of a line were tried, and more of them are wanted: takes those, and a few for the next claim. */
  used(line: TicketLine, wanted: number): void {
    const ahead = aheadOf(line)
    line.usedAt = performance.now()
    if (wanted > 0) void this.#take(line, wanted + ahead)
    else if (line.ready.length < ahead / 2) void this.#take(line, ahead - line.ready.length)
    this.#watchIdle(line, true)
  }

  /** No ticket of a line was tried, though this many are wanted. */
  unused(line: TicketLine, wanted: number): void {
    if (wanted > 0) void this.#take(line, wanted + aheadOf(line))
    this.#watchIdle(line, false)
  }

  /**
   * An attempt was claimed, or found gone, and so will never be claimed again. One that waited for long had its ticket
   * made anew, and the second of hundreds of them would each cost a transaction.
   */
  spend(attemptId: AttemptId): void {
    this.#spent.delete(attemptId)
    this.#spent.add(attemptId)
    const [oldest] = this.#spent
    if (this.#spent.size > MOST_SPENT && oldest !== undefined) this.#spent.delete(oldest)
  }

  /** Drops tickets at hand whose attempts are known to be spent. */
  dropSpent({ ready }: TicketLine): void {
    if (!ready.some((id) => this.#spent.has(id))) return
    ready.splice(0, ready.length, ...ready.filter((id) => !this.#spent.has(id)))
  }

  /** Puts back what is at hand, and what is just being taken. */
  async close(lines: Iterable<TicketLine>): Promise<void> {
    this.#isClosed = true
    await Promise.all([...lines].map((line) => this.#putBack(line, withdrawTickets(line))))
  }

  async #take(line: TicketLine, count: number): Promise<void> {
    if (line.isTaking || !line.mayHaveTickets) return
    const { log, onTaken, queue } = this.#options
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
    onTaken(line)
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
      const suffix = `.back${this.#putBacks}`
      await queue.add(
        ticketsFor(
          ids.map((attemptId) => ({ attemptId, queueName: line.name })),
          suffix,
        ),
      )
      line.mayHaveTickets = true
      tellQueued(line.name)
    } catch (error) {
      log.warn({ err: error, queue: line.name }, 'tickets not put back; the controller will make new ones')
    }
  }
}

/** Where trials are long, tickets at hand would only be put back. */
function aheadOf(line: TicketLine): number {
  return performance.now() - line.usedAt < IDLE_MS ? AHEAD : 0
}
