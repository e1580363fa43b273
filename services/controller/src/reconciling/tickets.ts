import { type Ticket, ticketAgain, ticketsFor } from '@sweep/queue/ticket-queue'
import type { AttemptId } from '@sweep/spec/ids'
import { notify } from '@sweep/store/listen'
import type { ControllerContext } from '../context.ts'

interface Queued {
  readonly attemptId: AttemptId
  readonly queueName: string
}

/** Makes the first tickets of attempts that were just queued, and wakes whoever waits for them. */
export function addTickets(context: ControllerContext, attempts: readonly Queued[]): Promise<boolean> {
  return add(context, ticketsFor(attempts))
}

/** Makes tickets for attempts whose ticket may be lost; one that was made again and is still there stays the only one. */
export function addTicketsAgain(context: ControllerContext, attempts: readonly Queued[]): Promise<boolean> {
  return add(
    context,
    attempts.map(({ attemptId, queueName }) => ticketAgain(attemptId, queueName)),
  )
}

/**
 * All are of one priority: which sweep comes next was decided at admission, and first come is first served from there.
 *
 * Returns whether it worked. When the queue is away nothing is lost: the sweeper finds the attempts by their age.
 */
async function add({ database, log, queue }: ControllerContext, tickets: readonly Ticket[]): Promise<boolean> {
  if (tickets.length === 0) return true
  try {
    await queue.add(tickets)
  } catch (error) {
    log.warn({ err: error, tickets: tickets.length }, 'tickets could not be added')
    return false
  }
  await notify(database, 'attempts_queued', [...new Set(tickets.map((ticket) => ticket.queueName))])
  return true
}
