import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TicketQueue, ticketsFor } from '@sweep/queue/ticket-queue'
import type { Cause } from '@sweep/spec/attempt'
import { SweepError } from '@sweep/spec/errors'
import { AgentId, type AttemptId, newId } from '@sweep/spec/ids'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import { registerAgent } from '@sweep/store/agents'
import { type ClaimedAttempt, type ClaimResult, claimAttempts } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { heartbeat } from '@sweep/store/heartbeats'
import { notify } from '@sweep/store/listen'
import { ingestReports } from '@sweep/store/reports'

/** What a trial of a test does. */
export interface Script {
  /** Reported one after the other as `loss`, at steps 1, 2, 3, … */
  readonly values: readonly number[]
  /** Between two reports, and before the end. */
  readonly ms?: number
  /** Awaited after each report, before the agent asks whether it is to stop. */
  readonly afterReport?: () => Promise<unknown>
  /** How it ends when nobody stops it. */
  readonly cause?: Cause
  /** Whether it saves a checkpoint after every step, and goes on after the one it is given. */
  readonly checkpoints?: boolean
}

export interface TinyAgentOptions {
  readonly database: Database
  readonly queue: TicketQueue
  readonly slots: number
  readonly leaseMs?: number
  readonly queueName?: string
  readonly run: (attempt: ClaimedAttempt) => Script
}

/** An agent and the API before it, without HTTP and without processes: takes tickets, claims, reports. */
export class TinyAgent {
  readonly id = AgentId.parse(newId(randomBytes))
  readonly claimed: ClaimedAttempt[] = []
  readonly #options: TinyAgentOptions
  /** Makes the names of tickets that are put back new ones. */
  #putBacks = 0
  readonly #running = new Map<string, ClaimedAttempt>()
  readonly #stop = new AbortController()
  #loops: Promise<void>[] = []

  private constructor(options: TinyAgentOptions) {
    this.#options = options
  }

  static async start(options: TinyAgentOptions): Promise<TinyAgent> {
    const agent = new TinyAgent(options)
    await agent.#register()
    agent.#loops = [agent.#claiming(), agent.#beating()]
    return agent
  }

  /** Ends without a word, as if the host had died. */
  async die(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#loops)
  }

  async #claiming(): Promise<void> {
    const { queue, slots, leaseMs = LEASE_MS, queueName = 'sweep-default-any' } = this.#options
    while (!this.#stop.signal.aborted) {
      const free = slots - this.#running.size
      const tickets = free > 0 ? await retried(() => queue.take(queueName, free)) : []
      const surplus = tickets.splice(free).map((attemptId) => ({ attemptId, queueName }))
      if (surplus.length > 0) {
        this.#putBacks += 1
        await retried(() => queue.add(ticketsFor(surplus, `.${this.id}${this.#putBacks}`)))
      }
      if (tickets.length > 0) {
        const results = await this.#claim(tickets, leaseMs)
        for (const result of results) {
          if (result.result !== 'claimed') continue
          this.claimed.push(result)
          this.#running.set(result.attemptId, result)
          this.#loops.push(this.#execute(result))
        }
      }
      await this.#sleep(tickets.length > 0 ? 0 : 3)
    }
  }

  /** One that was given up because it was held up registers again, as agents do. */
  async #claim(attemptIds: readonly AttemptId[], leaseMs: number): Promise<readonly ClaimResult[]> {
    const { database } = this.#options
    try {
      return await retried(() => claimAttempts(database, { agentId: this.id, leaseMs, attemptIds }))
    } catch (error) {
      if (!(error instanceof SweepError && error.code === 'fenced')) throw error
      await retried(() => this.#register())
      return []
    }
  }

  async #register(): Promise<void> {
    const { database, slots } = this.#options
    await registerAgent(database, this.id, {
      name: `tiny-${this.id}`,
      host: 'localhost',
      slots: Array.from({ length: slots }, (_, index) => ({ index })),
      cpus: 8,
      memoryBytes: 2 ** 34,
      queues: ['default'],
      launchers: ['process'],
      labels: {},
      version: '0.0.0',
    })
    await notify(database, 'agent_changed', [this.id])
  }

  async #execute(attempt: ClaimedAttempt): Promise<void> {
    const { run } = this.#options
    const { values, ms = 0, afterReport, cause = 'succeeded', checkpoints = false } = run(attempt)
    const startedAt = performance.now()
    const done = checkpoints ? (attempt.restore?.step ?? 0) : 0
    let stop: Cause | undefined
    let sent = 0
    for (const value of values.slice(done)) {
      if (ms > 0) await this.#sleep(ms)
      if (this.#stop.signal.aborted) return
      const points = [{ step: done + sent + 1, at: 0, values: { loss: value } }]
      const batch = { source: 'metrics' as const, from: sent * 10, to: sent * 10 + 10, points }
      const saved = checkpoints ? { checkpoint: { step: done + sent + 1, path: '/nowhere' } } : {}
      const started = sent === 0 ? { started: STARTED } : {}
      stop = await this.#report(attempt, { ...started, ...saved, batches: [batch] })
      sent += 1
      if (!stop && afterReport) {
        await afterReport()
        if (this.#stop.signal.aborted) return
        stop = await this.#report(attempt, {})
      }
      if (stop) break
    }
    if (ms > 0) await this.#sleep(ms)
    if (this.#stop.signal.aborted) return
    const seconds = (performance.now() - startedAt) / 1000
    const checkpoint = checkpoints ? { checkpoint: { step: done + sent, path: '/nowhere' } } : {}
    await this.#report(attempt, {
      ended: { at: 0, cause: stop ?? cause, message: '', exitCode: 0, signal: null, seconds, ...checkpoint },
    })
    this.#running.delete(attempt.attemptId)
  }

  async #report(attempt: ClaimedAttempt, part: Partial<AttemptReport>): Promise<Cause | undefined> {
    const { database } = this.#options
    const report = { attemptId: attempt.attemptId, epoch: attempt.epoch, batches: [], samples: [], ...part }
    const { statuses, sweepIds } = await retried(() => ingestReports(database, this.id, [report]))
    if (sweepIds.length > 0) await retried(() => notify(database, 'sweep_changed', sweepIds))
    return statuses[0]?.status === 'fenced' ? 'lost' : statuses[0]?.stop?.reason
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stop.signal }).catch(() => {})
  }

  async #beating(): Promise<void> {
    const { database, leaseMs = LEASE_MS } = this.#options
    while (!this.#stop.signal.aborted) {
      const attempts = [...this.#running.values()].map(({ attemptId, epoch }) => ({ attemptId, epoch }))
      const room = { slots: 0, gpuSlots: 0, cpus: 0, memoryBytes: 0 }
      await retried(() => heartbeat(database, this.id, { room, draining: false, attempts }, leaseMs))
      await this.#sleep(leaseMs / 4)
    }
  }
}

/** What the tests tell controllers too. */
const LEASE_MS = 2000

const STARTED = { at: 0, argv: ['tiny'], slots: [0], runDir: '/nowhere', environment: {} }

/** Goes on through an outage, as an agent does. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Error && 'retryable' in error && error.retryable === true)) throw error
      await sleep(20)
    }
  }
}
