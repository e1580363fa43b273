import type { TicketQueue } from '@sweep/queue/ticket-queue'
import type { TicketWait } from '@sweep/queue/ticket-wait'
import { SweepError } from '@sweep/spec/errors'
import type { AgentCondition, AgentQueue, Assignment, Slot } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { RoomOffer, ServerApi } from '../server/server-api.ts'
import { HttpSource } from './http-source.ts'
import { QueueAwayError, QueueSource } from './queue-source.ts'
import type { WorkSource } from './work-source.ts'

/** How often an agent that can't reach Redis tries again, and how often one that does asks which queues there are. */
const AGAIN_MS = 5000
const REFRESH_MS = 30_000
/** A server that does not let agents in may be started again with other settings. */
const NOT_OFFERED_MS = 300_000

export interface WorkSourcesOptions {
  readonly api: ServerApi
  /** `http`: never from the queue, whatever the server offers. */
  readonly claim: 'auto' | 'http'
  readonly owner: string
  readonly slots: readonly Slot[]
  readonly steady: () => number
  /** Told again and again, also without a change. */
  readonly onCondition: (now: Pick<AgentCondition, 'claims' | 'queueTrouble'>) => void
  readonly log: Logger
}

interface Opened {
  readonly url: string
  readonly tickets: TicketQueue
  readonly wait: TicketWait
  readonly source: QueueSource
}

/** A third of what an agent would load at its start, and needed only where the server lets agents in. */
async function loadQueue() {
  const [{ openTicketQueue }, { TicketWait }] = await Promise.all([
    import('@sweep/queue/bullmq-ticket-queue'),
    import('@sweep/queue/ticket-wait'),
  ])
  return { openTicketQueue, TicketWait }
}
type QueueModules = Awaited<ReturnType<typeof loadQueue>>

/** Work from the queue where the server lets the agent in and Redis answers; over HTTP otherwise, and until it does. */
export class WorkSources implements WorkSource {
  readonly #options: WorkSourcesOptions
  readonly #http: HttpSource
  #opened: Opened | undefined
  #isUp = false
  /** Said last, so that each change is said once. */
  #said: string | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: WorkSourcesOptions) {
    this.#options = options
    this.#http = new HttpSource(options.api)
  }

  /** Once registered: looks whether the queue may be used, for seconds at most, and goes on looking. */
  async open(): Promise<void> {
    if (this.#options.claim === 'http' || this.#isClosed) return
    clearTimeout(this.#timer)
    const againMs = await this.#look()
    if (this.#isClosed) return
    this.#timer = setTimeout(() => void this.open(), againMs)
    this.#timer.unref()
  }

  /** The server has told which queues there are. */
  onQueues(queues: readonly AgentQueue[]): void {
    if (this.#opened !== undefined) this.#opened.source.queues = queues
  }

  async claim(offer: RoomOffer, waitMs: number, signal: AbortSignal): Promise<readonly Assignment[]> {
    const source = this.#isUp ? this.#opened?.source : undefined
    if (source === undefined) return this.#http.claim(offer, waitMs, signal)
    try {
      return await source.claim(offer, waitMs, signal)
    } catch (error) {
      if (signal.aborted) throw error
      if (error instanceof QueueAwayError) {
        this.#down('the queue does not answer; claiming over HTTP until it does', error)
        return this.#http.claim(offer, waitMs, signal)
      }
      // One that the server does not want must not go on taking tickets that others could use.
      if (error instanceof SweepError && !error.retryable) this.#down('the server refuses what was taken', error)
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#drop()
  }

  #down(message: string, error: unknown): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#say('http', message, error)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.open(), AGAIN_MS)
    this.#timer.unref()
  }

  /** @returns milliseconds until it is time to look again */
  async #look(): Promise<number> {
    try {
      const { redisUrl, queues } = await this.#options.api.queueAccess()
      if (this.#isClosed) return NOT_OFFERED_MS
      if (redisUrl === undefined) return this.#notOffered()
      const modules = await loadQueue()
      if (this.#isClosed) return NOT_OFFERED_MS
      const { source, wait } = this.#open(redisUrl, queues, modules)
      source.queues = queues
      await wait.check()
      this.#say('queue', 'claiming from the queue')
      this.#isUp = true
      return REFRESH_MS
    } catch (error) {
      this.#isUp = false
      // A server from before there was such a thing.
      if (error instanceof SweepError && error.code === 'not-found') return this.#notOffered()
      this.#say('http', 'the queue cannot be used from here; claiming over HTTP', error)
      return AGAIN_MS
    }
  }

  #open(url: string, queues: readonly AgentQueue[], { openTicketQueue, TicketWait }: QueueModules): Opened {
    if (this.#opened?.url === url) return this.#opened
    this.#drop()
    const { owner, api, log, slots, steady } = this.#options
    const tickets = openTicketQueue({ redisUrl: url })
    const wait = new TicketWait(url)
    const claimTickets: ServerApi['claimTickets'] = (attempts) => api.claimTickets(attempts)
    const source = new QueueSource({ tickets, wait, queues, slots, claimTickets, steady, owner, log })
    this.#opened = { url, tickets, wait, source }
    return this.#opened
  }

  /** @returns milliseconds until it is time to look again */
  #notOffered(): number {
    this.#drop()
    // Nothing was said yet where it never was: that is the ordinary case.
    if (this.#said !== undefined) this.#say('http', 'the server offers no queue any more; claiming over HTTP')
    return NOT_OFFERED_MS
  }

  #drop(): void {
    this.#isUp = false
    this.#opened?.wait.close()
    void this.#opened?.tickets.close()
    this.#opened = undefined
  }

  #say(claims: AgentCondition['claims'], message: string, error?: unknown): void {
    const { log, onCondition } = this.#options
    onCondition(
      error === undefined ? { claims } : { claims, queueTrouble: String((error as Error).message).slice(0, 1000) },
    )
    if (this.#said === message) return
    this.#said = message
    if (error === undefined) log.info(message)
    else log.warn({ err: error }, message)
  }
}
