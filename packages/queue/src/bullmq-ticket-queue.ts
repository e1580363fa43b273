import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import { AttemptId } from '@sweep/spec/ids'
import { FlowProducer, type IQueueBackend, Job, type JobProgress, Queue, Worker } from 'bullmq'
import { z } from 'zod'
import { postgresBackend } from './postgres-backend.ts'
import { queueAway } from './queue-away.ts'
import { QUEUE_PREFIX, type QueueBackend, type WayToAdd } from './queue-backend.ts'
import { redisBackend } from './redis-backend.ts'
import type { Ticket, TicketQueue } from './ticket-queue.ts'

export type TicketQueueOptions = (
  | { readonly redisUrl: string; readonly databaseUrl?: string }
  | { readonly databaseUrl: string; readonly redisUrl?: undefined }
) & {
  /** Keeps installations that share one Redis or one database apart; part of every queue name. */
  readonly namespace?: string
}

const TicketData = z.object({ attemptIds: z.array(AttemptId) })
type TicketData = z.infer<typeof TicketData>

/** Longer than any take. A ticket whose taker died in between blocks its id for about this long. */
const ABANDONED_MS = 10_000
const CLEAN_EVERY_MS = 5000
const CLOSE_MS = 3000

/** Both ends of one BullMQ queue. */
interface Channel {
  readonly queue: Queue<TicketData, null, string, TicketData, null, string, IQueueBackend>
  readonly worker: TicketWorker
  readonly flows: FlowProducer<IQueueBackend>
  cleanedAt: number
}

type TicketWorker = Worker<TicketData, null, string, IQueueBackend, JobProgress>
type TicketJob = Job<TicketData, null>

/**
 * Tickets over BullMQ: on Redis when `redisUrl` is given, otherwise in the tables of BullMQ's Postgres backend.
 * Connects when first used, so it never fails here; see `TicketQueue` for what happens while the backend is away.
 */
export function openTicketQueue(options: TicketQueueOptions): TicketQueue {
  const backend = options.redisUrl === undefined ? postgresBackend(options.databaseUrl) : redisBackend(options.redisUrl)
  return new BullmqTicketQueue(backend, options.namespace)
}

class BullmqTicketQueue implements TicketQueue {
  readonly #backend: QueueBackend
  readonly #namespace: string | undefined
  readonly #channels = new Map<string, Promise<Channel>>()
  #takes = 0
  #closing: Promise<void> | undefined

  constructor(backend: QueueBackend, namespace: string | undefined) {
    this.#backend = backend
    this.#namespace = namespace
  }

  async add(tickets: readonly Ticket[]): Promise<void> {
    const byQueue = new Map<string, Ticket[]>()
    for (const ticket of tickets) {
      const list = byQueue.get(ticket.queueName)
      if (list) list.push(ticket)
      else byQueue.set(ticket.queueName, [ticket])
    }
    await this.#guard(async () => {
      for (const [name, list] of byQueue) {
        const channel = await this.#channel(name)
        await clean(channel)
        await addTo(channel, list, this.#backend.wayToAdd(list.length))
      }
    })
  }

  async take(queueName: string, max: number): Promise<AttemptId[]> {
    if (max < 1) return []
    return await this.#guard(async () => {
      const { worker } = await this.#channel(queueName)
      this.#takes += 1
      const token = `${worker.id}:${this.#takes}`
      const taken: AttemptId[] = []
      let job: TicketJob | undefined = await worker.getNextJob(token, { block: false })
      while (job) {
        const data = TicketData.safeParse(job.data)
        if (data.success) taken.push(...data.data.attemptIds)
        try {
          // Completing one ticket and fetching the next is one transaction on Postgres, one script on Redis.
          job = nextJob(worker, await job.moveToCompleted(null, token, taken.length < max))
        } catch {
          // The backend went away in between. What we hold can be claimed; the job left behind is cleaned up later.
          break
        }
      }
      return taken
    })
  }

  async check(): Promise<void> {
    await this.#guard(async () => {
      const { queue } = await this.#channel('sweep-check')
      await queue.getWaitingCount()
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** BullMQ's objects of a queue. One whose first connect failed stays broken for ever, so failed ones are dropped. */
  async #channel(name: string): Promise<Channel> {
    await this.#backend.ready()
    const known = this.#channels.get(name)
    if (known) return await known
    const opened = this.#open(this.#namespace === undefined ? name : `${this.#namespace}-${name}`)
    this.#channels.set(name, opened)
    try {
      return await opened
    } catch (error) {
      this.#channels.delete(name)
      throw error
    }
  }

  async #open(name: string): Promise<Channel> {
    // The backend brings its own connection; BullMQ only wants to see that there is one.
    const options = { connection: {}, prefix: QUEUE_PREFIX }
    // Events are of no use to us (nothing is built on them), so few are kept.
    const queue: Channel['queue'] = new Queue(
      name,
      { ...options, streams: { events: { maxLen: 100 } } },
      this.#backend.factory,
    )
    const worker: TicketWorker = new Worker<TicketData, null, string, IQueueBackend>(
      name,
      undefined,
      { ...options, autorun: false, lockDuration: ABANDONED_MS },
      this.#backend.factory,
    )
    // What goes wrong in a call is thrown by the call; without listeners the rest would end the process.
    queue.on('error', () => {})
    worker.on('error', () => {})
    const flows = new FlowProducer(options, this.#backend.factory)
    flows.on('error', () => {})
    await Promise.all([queue.waitUntilReady(), worker.waitUntilReady(), flows.waitUntilReady()])
    return { queue, worker, flows, cleanedAt: Number.NEGATIVE_INFINITY }
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new SweepError('unavailable', 'The ticket queue is closed.', { retryable: false })
    try {
      return await work()
    } catch (error) {
      throw queueAway(this.#backend.name, error)
    }
  }

  async #close(): Promise<void> {
    const closing = async () => {
      for (const channel of this.#channels.values()) {
        const { queue, worker, flows } = await channel
        await Promise.all([queue.close(), worker.close(true), flows.close()])
      }
    }
    await within(CLOSE_MS, closing())
    await within(CLOSE_MS, this.#backend.close())
  }
}

async function addTo({ queue, flows }: Channel, tickets: readonly Ticket[], way: WayToAdd): Promise<void> {
  const jobs = tickets.map((ticket) => ({
    name: 'ticket',
    data: { attemptIds: [...ticket.attemptIds] },
    opts: { jobId: ticket.id, priority: ticket.priority, removeOnComplete: true, removeOnFail: true },
  }))
  switch (way) {
    case 'single':
      for (const job of jobs) await queue.add(job.name, job.data, job.opts)
      return
    case 'flow':
      await flows.addBulk(jobs.map((job) => ({ ...job, queueName: queue.name })))
      return
    case 'bulk':
      await queue.addBulk(jobs)
      return
    default:
      assertNever(way)
  }
}

/** Removes tickets that somebody took and did not live to complete, so that their ids can be added again. */
async function clean(channel: Channel): Promise<void> {
  const now = performance.now()
  if (now - channel.cleanedAt < CLEAN_EVERY_MS) return
  channel.cleanedAt = now
  await channel.queue.clean(ABANDONED_MS, 1000, 'active')
}

/** What `moveToCompleted` fetched: `[data, id]` of the next job, or nothing. */
function nextJob(
  worker: TicketWorker,
  fetched: Awaited<ReturnType<TicketJob['moveToCompleted']>>,
): TicketJob | undefined {
  if (!Array.isArray(fetched) || !fetched[0]) return undefined
  return Job.fromJSON(worker, fetched[0], fetched[1])
}

/** Waits for `work` for at most `ms`; BullMQ's own close has no deadline, and what fails while closing is over anyway. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    work.then(done, done)
  })
}
