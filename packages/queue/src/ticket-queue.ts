import type { AttemptId } from '@sweep/spec/ids'

/** The highest value of `Ticket.priority`. */
export const MAX_TICKET_PRIORITY = 2 ** 21 - 1

/** "This attempt may be claimed." Carries ids only: whether it is true, the claim in Postgres decides. */
export interface Ticket {
  /** Which pool and shape it is for; see `@sweep/spec/queue-name`. */
  readonly queueName: string
  /** Usually the attempt id; a ticket that replaces a lost one is `<attempt id>.<n>`. */
  readonly id: string
  readonly attemptId: AttemptId
  /** Lower is taken first, equal ones in the order they were added; integer from 0 to `MAX_TICKET_PRIORITY`. */
  readonly priority: number
}

/**
 * Tickets on their way from the controller to whoever has room. A hint, not a home: a ticket may be lost (the
 * controller adds another) and may be taken twice (the second claim finds the attempt gone).
 *
 * Every method throws a `SweepError` of code `unavailable` within seconds when the backend can't be reached, and works
 * again by itself once it can.
 */
export interface TicketQueue {
  /** Adds tickets; one whose id is already waiting in its queue is ignored. */
  add(tickets: readonly Ticket[]): Promise<void>
  /** Takes up to `max` tickets out of one queue, for good. Never waits for a ticket to come. */
  take(queueName: string, max: number): Promise<AttemptId[]>
  /** Returns when the backend answers. */
  check(): Promise<void>
  /** Gives back the connections, within seconds even when the backend hangs. May be called again. */
  close(): Promise<void>
}
