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
/** So many times in a row the server may break over reports before it is asked whether one of them is to blame. */
const TRIES_TOGETHER = 3
/** A report is left out once the server has broken over it so many times and taken others in between; that takes minutes. */
const TRIES_ALONE = 60

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
 * way goes with the next. Only a run over whose reports the server breaks gets requests of its own. Nothing is kept
 * here, so when the server is away, nothing piles up but files.
 */
export class Reporter {
  readonly #options: ReporterOptions
  readonly #backoff: Backoff
  readonly #runs = new Set<Reporting>()
  /** Those over whose reports the server breaks; each is sent by itself. */
  readonly #apart = new Set<Reporting>()
  /** Those it broke over when there was no telling whether it would have taken any. */
  readonly #suspects = new Set<Reporting>()
  /** How often in a row the server broke over reports. */
  #breaks = 0
  /** Requests that the server has taken. */
  #taken = 0
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
    this.#suspects.delete(run)
  }

  /** Something of this run has changed. */
  wake(run: Reporting): void {
    if (!this.#runs.has(run) || this.#apart.has(run)) return
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

  /** The next reports that fit in one request. */
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
    this.#breaks = 0
    this.#taken += 1
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
    const refused = isRefusal(error)
    this.#breaks = isBreak(error) ? this.#breaks + 1 : 0
    this.#options.log.warn({ err: error, attempts: packed.length }, 'reports not taken')
    if (refused && packed.length > 1) {
      // One of them is at fault; the others must not suffer for it.
      for (const one of packed) {
        await this.#send([one]).catch((failure: unknown) => this.#onFailure(failure, [one]))
      }
      return
    }
    if (this.#breaks >= TRIES_TOGETHER && packed.length > 1 && (await this.#setApart(packed))) return
    for (const { run, sent } of packed) {
      if (refused) run.reports.passOver(sent)
      this.wake(run)
    }
    await this.#backoff.wait(this.#closed.signal)
  }

  /**
   * Sends each by itself, and from then on those apart that the server breaks over though it takes others. False when
   * it took none: then it is the server itself that is not well, and so as not to burden it more that is concluded from
   * two. The next time others have their turn.
   */
  async #setApart(packed: readonly Packed[]): Promise<boolean> {
    const failed: Packed[] = []
    let isAnyTaken = false
    const others = packed.filter(({ run }) => !this.#suspects.has(run))
    if (others.length === 0) this.#suspects.clear()
    for (const one of new Set([...others, ...packed])) {
      if (!isAnyTaken && failed.length === 2) break
      try {
        await this.#send([one])
        isAnyTaken = true
      } catch (error) {
        if (!isBreak(error)) return false
        failed.push(one)
      }
    }
    if (!isAnyTaken) {
      for (const { run } of failed) this.#suspects.add(run)
      return false
    }
    this.#suspects.clear()
    for (const { run } of failed) void this.#sendAlone(run)
    return true
  }

  /** Reports of one run by itself until the server takes them, in longer and longer intervals. */
  async #sendAlone(run: Reporting): Promise<void> {
    const { log, random } = this.#options
    const backoff = new Backoff(random)
    this.#apart.add(run)
    this.#due.delete(run)
    log.error({ attemptId: run.id }, 'server breaks over the reports of an attempt; they are sent by themselves')
    let tries = 0
    let taken = this.#taken
    for (;;) {
      await backoff.wait(this.#closed.signal)
      if (this.#closed.signal.aborted || !this.#runs.has(run)) break
      const next = await this.#nextOf(run)
      if (next === null || 'againInMs' in next) continue
      try {
        await this.#send([{ run, sent: next, text: JSON.stringify(next.report) }])
        log.info({ attemptId: run.id }, 'server takes the reports of the attempt again')
        break
      } catch (error) {
        log.warn({ err: error, attemptId: run.id }, 'report not taken')
        // While it takes nothing at all, the report is not to blame.
        if (isBreak(error) && this.#taken > taken) tries += 1
        taken = this.#taken
        if (tries < TRIES_ALONE && !isRefusal(error)) continue
        log.error({ attemptId: run.id }, 'report left out, so that what follows can get through')
        run.reports.passOver(next)
        tries = 0
      }
    }
    this.#apart.delete(run)
    this.wake(run)
  }
}

/** The server will never take this. Anything else that is no answer of its own may come from somebody on the way to it. */
function isRefusal(error: unknown): boolean {
  return error instanceof SweepError && !error.retryable && ['invalid-request', 'too-large'].includes(error.code)
}

/** The server answered that it could not, which it may over this report only. */
function isBreak(error: unknown): boolean {
  return error instanceof SweepError && error.retryable && !['unreachable', 'too-many-requests'].includes(error.code)
}
