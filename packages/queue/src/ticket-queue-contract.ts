import { AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { MOST_ATTEMPTS, type Ticket, type TicketQueue, ticketAgain, ticketsFor } from './ticket-queue.ts'

/** One backend under test. Each test uses a queue name of its own. */
export interface TicketQueueSetup {
  open(): TicketQueue
  /** Breaks every connection the backend has, as a restart of a proxy would. */
  disconnectAll(): Promise<void>
}

/** What every `TicketQueue` must do; each backend runs all of it. */
export function ticketQueueContract(name: string, setup: () => TicketQueueSetup): void {
  describe(`ticket queue on ${name}`, () => {
    let queue: TicketQueue
    let other: TicketQueue

    beforeAll(() => {
      queue = setup().open()
      other = setup().open()
    })

    afterAll(async () => {
      await Promise.all([queue.close(), other.close()])
    })

    test('a ticket is taken once', async () => {
      await queue.add([ticket('once', 1)])
      expect(await queue.take('once', 4)).toEqual([attempt(1)])
      expect(await queue.take('once', 4)).toEqual([])
    })

    test('taking from an empty queue, or zero tickets, gives nothing and does not wait', async () => {
      expect(await queue.take('empty', 4)).toEqual([])
      await queue.add([ticket('zero', 1)])
      expect(await queue.take('zero', 0)).toEqual([])
      expect(await queue.take('zero', 1)).toEqual([attempt(1)])
    })

    test('no more tickets are taken than asked for', async () => {
      await queue.add([1, 2, 3, 4, 5].map((n) => ticket('max', n)))
      expect(await queue.take('max', 2)).toEqual([attempt(1), attempt(2)])
      expect(await queue.take('max', 8)).toEqual([attempt(3), attempt(4), attempt(5)])
    })

    test('a ticket for several attempts gives them together and in their order, and counts as so many', async () => {
      const attempts = Array.from({ length: 2 * MOST_ATTEMPTS + 1 }, (_, index) => attempt(index + 1))
      const tickets = ticketsFor(attempts.map((attemptId) => ({ attemptId, queueName: 'several' })))
      expect(tickets.map((one) => one.attemptIds.length)).toEqual([MOST_ATTEMPTS, MOST_ATTEMPTS, 1])
      await queue.add(tickets)
      expect(await queue.take('several', 2)).toEqual(attempts.slice(0, MOST_ATTEMPTS))
      expect(await other.take('several', MOST_ATTEMPTS + 1)).toEqual(attempts.slice(MOST_ATTEMPTS))
      expect(await queue.take('several', 2)).toEqual([])
    })

    test.each([3, 20])('%i tickets come out by priority, equal ones in the order they came', async (count) => {
      const priorities = Array.from({ length: count }, (_, index) => [7, 0, 2, 2_097_151][index % 4] ?? 0)
      const tickets = priorities.map((priority, index) => ({ ...ticket(`order-${count}`, index + 1), priority }))
      await queue.add(tickets)
      const expected = [...tickets].sort((a, b) => a.priority - b.priority).flatMap((one) => one.attemptIds)
      expect(await queue.take(`order-${count}`, count)).toEqual(expected)
    })

    test('a ticket whose id is waiting is ignored, and may come again once it has been taken', async () => {
      await queue.add([ticket('twice', 1)])
      await other.add([ticket('twice', 1), ticket('twice', 1)])
      await other.add(Array.from({ length: 12 }, () => ticket('twice', 1)))
      expect(await queue.take('twice', 20)).toEqual([attempt(1)])
      await queue.add([ticket('twice', 1)])
      expect(await other.take('twice', 20)).toEqual([attempt(1)])
    })

    test('a replacement under a new id stands for the same attempt', async () => {
      await queue.add([{ ...ticket('again', 1), id: `${attempt(1)}.2` }])
      expect(await queue.take('again', 2)).toEqual([attempt(1)])
    })

    test('queues do not see one another', async () => {
      await queue.add([ticket('left', 1), ticket('right', 2)])
      expect(await queue.take('right', 9)).toEqual([attempt(2)])
      expect(await queue.take('left', 9)).toEqual([attempt(1)])
    })

    test('1,000 tickets reach eight takers, each exactly once', async () => {
      await queue.add(Array.from({ length: 1000 }, (_, index) => ticket('many', index + 1)))
      const taken: AttemptId[] = []
      const taker = async (from: TicketQueue) => {
        for (let got = await from.take('many', 7); got.length > 0; got = await from.take('many', 7)) taken.push(...got)
      }
      await Promise.all([queue, other, queue, other, queue, other, queue, other].map(taker))
      expect(taken).toHaveLength(1000)
      expect(new Set(taken).size).toBe(1000)
    }, 30_000)

    test('broken connections are replaced', async () => {
      await queue.add([ticket('broken', 1)])
      await setup().disconnectAll()
      await untilWorks(() => queue.add([ticket('broken', 2)]))
      expect(await untilWorks(() => other.take('broken', 2))).toEqual([attempt(1), attempt(2)])
    })

    test('a closed queue refuses work and can be closed again', async () => {
      const closed = setup().open()
      await closed.add([ticket('closed', 1)])
      await closed.close()
      await closed.close()
      await expect(closed.take('closed', 1)).rejects.toMatchObject({ code: 'unavailable', retryable: false })
      expect(await queue.take('closed', 1)).toEqual([attempt(1)])
    })

    test('closing one that was never used works', async () => {
      await setup().open().close()
    })

    test('check says that the backend answers', async () => {
      await queue.check()
    })
  })
}

export function attempt(trial: number): AttemptId {
  return AttemptId.parse(`0123456789-${trial}-1`)
}

export function ticket(queueName: string, trial: number): Ticket {
  return ticketAgain(attempt(trial), queueName)
}

/** Tries again, as callers do, until the backend is back. */
export async function untilWorks<T>(work: () => Promise<T>): Promise<T> {
  return await vi.waitFor(work, { timeout: 10_000, interval: 20 })
}
