import { HttpClient } from '@sweep/agent/server/http-client'
import { ServerApi } from '@sweep/agent/server/server-api'
import type { Assignment, AttemptStatus } from '@sweep/spec/wire/agent-protocol'

/** How often a trial reports, as most trainings do: not by the clock of the others. */
const REPORT_EVERY_MS = 10_000
const CLAIM_WAIT_MS = 10_000

/** What the simulation measured, in milliseconds; each list is emptied by whoever reads it. */
export interface Measured {
  /** From a claim to its answer with work, of those that were not the first of their agent. */
  claims: number[]
  /** From the report that a decision is about to that decision. */
  decisions: number[]
  /** From a report to its answer. */
  reports: number[]
  /** Attempts that the server said are no longer their agent's. */
  fenced: number
  /** Requests that failed. */
  errors: number
}

interface SimulatedTrial {
  readonly assignment: Assignment
  step: number
  bytes: number
  /** When its newest line was written. */
  reportedAt: number
  timer: NodeJS.Timeout | undefined
}

/** One agent as its server sees it, whose trials are lines by a timer and no processes. */
export class SimulatedAgent {
  readonly #name: string
  readonly #slots: number
  readonly #token: string
  readonly #http: HttpClient
  readonly #api: ServerApi
  readonly #measured: Measured
  readonly #reportsADecision: number
  readonly #trials = new Map<string, SimulatedTrial>()
  readonly #closed = new AbortController()
  #hasClaimed = false

  /** @param reportsADecision one report in so many has a loss that gets its trial pruned */
  constructor(name: string, slots: number, url: string, token: string, measured: Measured, reportsADecision: number) {
    this.#name = name
    this.#slots = slots
    this.#token = token
    this.#http = new HttpClient(url, token)
    this.#api = new ServerApi(this.#http)
    this.#measured = measured
    this.#reportsADecision = reportsADecision
  }

  get running(): number {
    return this.#trials.size
  }

  async start(): Promise<void> {
    const registered = await this.#api.register(
      {
        name: this.#name,
        host: this.#name,
        slots: Array.from({ length: this.#slots }, (_, index) => ({ index })),
        ...{ cpus: 64, memoryBytes: 2 ** 38, queues: ['default'], launchers: ['process'], version: '0.0.0' },
      },
      this.#token,
      this.#closed.signal,
    )
    void this.#beat(registered.heartbeatMs)
    void this.#follow()
    void this.#claim()
  }

  stop(): void {
    this.#closed.abort()
    for (const trial of this.#trials.values()) clearTimeout(trial.timer)
    this.#http.close()
  }

  async #beat(everyMs: number): Promise<void> {
    while (!this.#closed.signal.aborted) {
      await sleep(everyMs * (0.9 + 0.2 * Math.random()))
      await this.#tried(async () => {
        const attempts = [...this.#trials.values()].map(({ assignment: { attemptId, epoch } }) => ({
          attemptId,
          epoch,
        }))
        const reply = await this.#api.heartbeat({ room: this.#room, draining: false, attempts })
        for (const status of reply.attempts) this.#onStatus(status)
      })
    }
  }

  async #follow(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      await this.#tried(() =>
        this.#api.follow(
          (event) => {
            if (event.type === 'stop') this.#onStop(event.attemptId)
          },
          { silenceMs: 60_000, signal: this.#closed.signal, onOpen: () => undefined },
        ),
      )
      await sleep(500)
    }
  }

  async #claim(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      const room = this.#room
      if (room.slots === 0) {
        await sleep(50)
        continue
      }
      const from = performance.now()
      const answered = await this.#tried(() => this.#api.claim(room, room.slots, CLAIM_WAIT_MS, this.#closed.signal))
      const assignments = answered?.assignments ?? []
      if (assignments.length > 0 && this.#hasClaimed) this.#measured.claims.push(performance.now() - from)
      if (assignments.length > 0) this.#hasClaimed = true
      for (const assignment of assignments) this.#begin(assignment)
    }
  }

  get #room() {
    const slots = Math.max(0, this.#slots - this.#trials.size)
    return { slots, gpuSlots: 0, cpus: 64, memoryBytes: 2 ** 38 }
  }

  #begin(assignment: Assignment): void {
    const trial: SimulatedTrial = { assignment, step: 0, bytes: 0, reportedAt: 0, timer: undefined }
    this.#trials.set(assignment.attemptId, trial)
    this.#later(trial, REPORT_EVERY_MS * Math.random())
  }

  #later(trial: SimulatedTrial, ms: number): void {
    trial.timer = setTimeout(() => void this.#report(trial), ms)
  }

  /** A line of a falling loss, or of one that has exploded. */
  async #report(trial: SimulatedTrial): Promise<void> {
    const { attemptId, epoch, config } = trial.assignment
    trial.step += 1
    const from = trial.bytes
    const to = from + 40
    const isBad = Math.random() < 1 / this.#reportsADecision
    const loss = isBad ? 100 : Number(config['x']) + 1 / trial.step
    const points = [{ step: trial.step, at: Date.now(), values: { loss } }]
    const batches = [{ source: 'metrics', from, to, points }]
    trial.reportedAt = performance.now()
    const reply = await this.#tried(() =>
      this.#api.report([JSON.stringify({ attemptId, epoch, batches, samples: [] })]),
    )
    if (reply !== undefined) {
      this.#measured.reports.push(performance.now() - trial.reportedAt)
      trial.bytes = to
      for (const status of reply.attempts) this.#onStatus(status)
    }
    if (this.#trials.has(attemptId)) this.#later(trial, REPORT_EVERY_MS)
  }

  #onStatus(status: AttemptStatus): void {
    const trial = this.#trials.get(status.attemptId)
    if (trial === undefined) return
    if (status.status === 'fenced') {
      this.#measured.fenced += 1
      this.#drop(trial)
    } else if (status.stop !== null) this.#onStop(status.attemptId)
  }

  /** The program stops at once, and says so. */
  #onStop(attemptId: string): void {
    const trial = this.#trials.get(attemptId)
    if (trial === undefined) return
    this.#measured.decisions.push(performance.now() - trial.reportedAt)
    this.#drop(trial)
    const { epoch } = trial.assignment
    const ended = { at: Date.now(), cause: 'pruned', message: 'stopped', exitCode: 0, signal: null, seconds: 1 }
    void this.#tried(() => this.#api.report([JSON.stringify({ attemptId, epoch, batches: [], samples: [], ended })]))
  }

  #drop(trial: SimulatedTrial): void {
    clearTimeout(trial.timer)
    this.#trials.delete(trial.assignment.attemptId)
  }

  async #tried<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch {
      if (!this.#closed.signal.aborted) this.#measured.errors += 1
      return undefined
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
