import type { Ticket } from '@sweep/queue/ticket-queue'
import type { AttemptId } from '@sweep/spec/ids'
import { notify } from '@sweep/store/listen'
import type { ControllerContext } from '../context.ts'

/**
 * Makes tickets for queued attempts and wakes whoever waits for them. The attempt id is the ticket's id, so a ticket that
 * is still there stays the only one.
 *
 * Returns whether it worked. When the queue is away nothing is lost: the sweeper finds the attempts by their age.
 */
export async function addTickets(
  context: ControllerContext,
  attempts: readonly { readonly attemptId: AttemptId; readonly queueName: string }[],
): Promise<boolean> {
  if (attempts.length === 0) return true
  try {
    await context.queue.add(attempts.map(toTicket))
  } catch (error) {
    context.log.warn({ err: error, attempts: attempts.length }, 'tickets could not be added')
    return false
  }
  await notify(context.database, 'attempts_queued', [...new Set(attempts.map((attempt) => attempt.queueName))])
  return true
}

/** All of one priority: which sweep comes next was decided at admission, and first come is first served from there. */
function toTicket({ attemptId, queueName }: { readonly attemptId: AttemptId; readonly queueName: string }): Ticket {
  return { queueName, id: attemptId, attemptId, priority: 0 }
}
