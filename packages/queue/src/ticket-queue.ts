import type { AttemptId } from '@sweep/spec/ids'

/** The highest value of `Ticket.priority`. */
export const MAX_TICKET_PRIORITY = 2 ** 21 - 1

/** "These attempts may be claimed." Carries ids only: whether it is true, the claim in Postgres decides. */
export interface Ticket {
  /** Which pool and shape it is for; see `@sweep/spec/queue-name`. */
  readonly queueName: string
  readonly id: string
  /** In the order in which they are to be claimed; at most `MOST_ATTEMPTS`. */
  readonly attemptIds: readonly AttemptId[]
  /** Lower is taken first, equal ones in the order they were added; integer from 0 to `MAX_TICKET_PRIORITY`. */
  readonly priority: number
}

/**
 * A queue takes as long over a ticket for many attempts as over one for one, which is longer than the claim itself. But
 * whoever takes a ticket has all of them for a moment, and others that wait have none: so not too many.
 */
export const MOST_ATTEMPTS = 8

/** Tickets for attempts that have none yet, together as far as they are of one queue; each named after its first. */
export function ticketsFor(
  attempts: readonly { readonly attemptId: AttemptId; readonly queueName: string }[],
  suffix = '',
): Ticket[] {
  const open = new Map<string, AttemptId[]>()
  const tickets: Ticket[] = []
  for (const { attemptId, queueName } of attempts) {
    const together = open.get(queueName)
    if (together !== undefined && together.length < MOST_ATTEMPTS) {
      together.push(attemptId)
      continue
    }
    const attemptIds = [attemptId]
    open.set(queueName, attemptIds)
    tickets.push({ queueName, id: `${attemptId}${suffix}`, attemptIds, priority: 0 })
  }
  return tickets
}

/** A ticket for an attempt that may have one: no other is added while one of this name waits. */
export function ticketAgain(attemptId: AttemptId, queueName: string): Ticket {
  return { queueName, id: attemptId, attemptIds: [attemptId], priority: 0 }
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
  /**
   * Takes tickets out of one queue, for good, until they stand for `max` attempts: a few more where the last one stands
   * for several. Never waits for a ticket to come.
   */
  take(queueName: string, max: number): Promise<AttemptId[]>
  /** Returns when the backend answers. */
  check(): Promise<void>
  /** Gives back the connections, within seconds even when the backend hangs. May be called again. */
  close(): Promise<void>
}
