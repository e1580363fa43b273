import { SweepError } from '@sweep/spec/errors'
import type { AttemptStatus, ReportsReply } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { ClaimRide } from '../claim-loop.ts'
import type { RunReports, Sent, Times } from '../run/run-reports.ts'
import { Backoff } from '../server/backoff.ts'
import type { ServerApi } from '../server/server-api.ts'
import type { Held } from '../slots/slot-table.ts'

/** The server takes a megabyte. */
const MOST_BYTES = 900_000
const MOST_ATTEMPTS = 256

/** A run, as far as the reporter is concerned. */
export interface Reporting {
  readonly id: string
  readonly reports: RunReports
  /** Its slots, when nothing of it lives any more: once the server has taken its end, they are free. */
  readonly clearedSlots: Held | undefined
  /** What the server answered to a report of this run. */
  onStatus(status: AttemptStatus): void
  /** The server knows how it ended. */
  onAcknowledged(): void
}

interface Packed {
  readonly run: Reporting
  readonly sent: Sent
  readonly text: string
}

export interface ReporterOptions {
  readonly api: ServerApi
  readonly times: () => Times
  readonly random: () => number
  readonly log: Logger
  /** A claim to go along with a report that frees these slots. */
  readonly ride: (released: readonly Held[]) => ClaimRide | undefined
}

/**
 * Sends what runs have to say, all of them in one request and one request at a time: what is written while it is under
 * way goes with the next. Nothing is kept here, so when the server is away, nothing piles up but files.
 */
export class Reporter {
  readonly #options: ReporterOptions
  readonly #backoff: Backoff
  readonly #runs = new Set<Reporting>()
  #due = new Set<Reporting>()
  #wakeUp: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  readonly #closed = new AbortController()

  constructor(options: ReporterOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.random)
  }

  add(run: Reporting): void {
    this.#runs.add(run)
  }

  remove(run: Reporting): void {
    this.#runs.delete(run)
    this.#due.delete(run)
  }

  /** Something of this run has changed. */
  wake(run: Reporting): void {
    if (!this.#runs.has(run)) return
    this.#due.add(run)
    this.#wakeUp?.()
  }

  wakeAll(): void {
    for (const run of this.#runs) this.wake(run)
  }

  close(): void {
    this.#closed.abort()
    clearTimeout(this.#timer)
    this.#wakeUp?.()
  }

  /** Runs until closed; never rejects. */
  async run(): Promise<void> {
    while (!this.#closed.signal.aborted) {
      if (this.#due.size === 0) {
        await new Promise<void>((resolve) => {
          this.#wakeUp = resolve
        })
        this.#wakeUp = undefined
        continue
      }
      const packed = await this.#pack()
      if (packed.length === 0) continue
      try {
        await this.#send(packed)
      } catch (error) {
        await this.#onFailure(error, packed)
      }
    }
  }

  async #pack(): Promise<Packed[]> {
    const packed: Packed[] = []
    let bytes = 0
    for (const run of this.#due) {
      if (packed.length === MOST_ATTEMPTS) break
      this.#due.delete(run)
      const next = await this.#nextOf(run)
      if (next === null || !this.#runs.has(run)) continue
      if ('againInMs' in next) {
        this.#again(run, next.againInMs)
        continue
      }
      const text = JSON.stringify(next.report)
      if (packed.length > 0 && bytes + text.length > MOST_BYTES) {
        // Not sent, so it is next in the same way.
        this.#due.add(run)
        break
      }
      bytes += text.length
      packed.push({ run, sent: next, text })
    }
    return packed
  }

  async #nextOf(run: Reporting) {
    try {
      return await run.reports.next(this.#options.times())
    } catch (error) {
      // A file that can't be read now: the others go on, and it is tried again.
      this.#options.log.warn({ err: error, attemptId: run.id }, 'run folder not readable')
      return { againInMs: 1000 }
    }
  }

  #again(run: Reporting, ms: number): void {
    if (ms === 0) {
      this.#due.add(run)
      return
    }
    const at = this.#options.times().steady + ms
    if (at >= this.#timerAt) return
    // One timer for all: whoever else is early by it is told to wait once more.
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.wakeAll()
    }, Math.ceil(ms))
    this.#timer.unref()
  }

  async #send(packed: readonly Packed[]): Promise<void> {
    const reply = await this.#report(packed)
    const statuses = new Map(reply.attempts.map((status) => [status.attemptId as string, status]))
    let isTaken = true
    for (const { run, sent } of packed) {
      const status = statuses.get(run.id)
      if (status === undefined) throw new SweepError('internal', `The server's answer leaves out ${run.id}.`)
      if (status.status === 'ok') {
        const taken = run.reports.accept(sent, status.offsets, this.#options.times().steady)
        if (taken === 'none') isTaken = false
        if (sent.isLast && taken === 'whole') run.onAcknowledged()
      }
      run.onStatus(status)
      // There may be more than fitted.
      this.wake(run)
    }
    if (isTaken) this.#backoff.reset()
    else await this.#backoff.wait(this.#closed.signal)
  }

  async #report(packed: readonly Packed[]): Promise<ReportsReply> {
    const released = packed.flatMap(({ run, sent }) => (sent.isLast ? (run.clearedSlots ?? []) : []))
    const ride = this.#options.ride(released)
    const texts = packed.map((one) => one.text)
    try {
      const reply = await this.#options.api.report(texts, ride?.offer)
      // Before the runs hear of it: an agent that waits for its last run to be over must know of the next by then.
      ride?.settle(reply.assignments ?? [])
      return reply
    } catch (error) {
      ride?.settle(null)
      throw error
    }
  }

  async #onFailure(error: unknown, packed: readonly Packed[]): Promise<void> {
    const refused =
      error instanceof SweepError &&
      !error.retryable &&
      ['invalid-request', 'too-large', 'internal'].includes(error.code)
    this.#options.log.warn({ err: error, attempts: packed.length }, 'reports not taken')
    if (refused && packed.length > 1) {
      // One of them is at fault; the others must not suffer for it.
      for (const one of packed) {
        await this.#send([one]).catch((failure: unknown) => this.#onFailure(failure, [one]))
      }
      return
    }
    for (const { run, sent } of packed) {
      if (refused) run.reports.passOver(sent)
      this.wake(run)
    }
    await this.#backoff.wait(this.#closed.signal)
  }
}
