import { setTimeout as delay } from 'node:timers/promises'
import type { SweepId } from '@sweep/spec/ids'
import type { Database } from '@sweep/store/database'
import { loadFacts } from '@sweep/store/facts'
import { findingsChanged } from '@sweep/store/health/findings'
import { getSweep } from '@sweep/store/sweeps'
import type { Logger } from 'pino'
import { findingView } from '../health/finding-view.ts'
import { factView, sweepView } from '../sweeps/sweep-view.ts'
import type { SseStream } from './sse.ts'

const PAGE = 1000
/** Shortest time between two looks at the facts, and between two views of the sweep's state. */
const LOOK_MS = 40
const VIEW_MS = 250
const RETRY_MS = 1000

interface Reader {
  readonly stream: SseStream
  /** Number of the last fact it was sent. */
  cursor: number
  /** Number of the last change of a finding that it was sent. */
  lastChange: number
  /** Caught up, so that it is sent new facts together with the others. */
  isLive: boolean
}

/**
 * One sweep's facts, to everybody who watches it. Readers that are behind are led through the stored facts at their
 * own pace; those that have caught up share one read of what is new.
 */
export class SweepFeed {
  readonly #sweepId: SweepId
  readonly #database: Database
  readonly #log: Logger
  readonly #readers = new Set<Reader>()
  readonly #closed = new AbortController()
  #isLooking = false
  #lookAgain = false
  #viewDueMs = 0
  #viewTimer: NodeJS.Timeout | undefined

  constructor(sweepId: SweepId, database: Database, log: Logger) {
    this.#sweepId = sweepId
    this.#database = database
    this.#log = log
  }

  get isEmpty(): boolean {
    return this.#readers.size === 0
  }

  /** Sends the sweep's state, the facts after number `after` (without it, none), and then what happens. */
  add(stream: SseStream, after: number | undefined): void {
    const reader: Reader = { stream, cursor: after ?? 0, lastChange: 0, isLive: false }
    this.#readers.add(reader)
    stream.ended.addEventListener('abort', () => this.#readers.delete(reader))
    // The state first, as promised: read side by side, the facts would sometimes win.
    void this.#sendView([reader]).then(() => (after === undefined ? undefined : this.#catchUp(reader)))
  }

  /** Something may have happened. */
  wake(): void {
    if (this.isEmpty) return
    this.#lookAgain = true
    if (!this.#isLooking) void this.#look()
    this.#sendViewSoon()
  }

  close(): void {
    this.#closed.abort()
    clearTimeout(this.#viewTimer)
    for (const { stream } of this.#readers) stream.close()
    this.#readers.clear()
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    while (this.#lookAgain && !this.#closed.signal.aborted) {
      this.#lookAgain = false
      try {
        await this.#sendNew()
      } catch (error) {
        this.#log.warn({ err: error, sweepId: this.#sweepId }, 'facts not read')
        this.#lookAgain = true
        await this.#pause(RETRY_MS)
      }
      await this.#pause(LOOK_MS)
    }
    this.#isLooking = false
  }

  async #sendNew(): Promise<void> {
    const live = [...this.#readers].filter((reader) => reader.isLive)
    if (live.length === 0) return
    const from = Math.min(...live.map((reader) => reader.cursor))
    const facts = await loadFacts(this.#database, this.#sweepId, from, PAGE)
    if (facts.length === PAGE) this.#lookAgain = true
    const events = facts.map((fact) => ({ event: 'fact', id: fact.seq, data: { type: 'fact', fact: factView(fact) } }))
    for (const reader of live) {
      const unseen = events.filter((event) => event.id > reader.cursor)
      reader.stream.send(unseen)
      reader.cursor = unseen.at(-1)?.id ?? reader.cursor
      if (!reader.stream.isBehind) continue
      reader.isLive = false
      void this.#catchUp(reader)
    }
  }

  async #catchUp(reader: Reader): Promise<void> {
    const { stream } = reader
    while (!stream.ended.aborted && !this.#closed.signal.aborted) {
      await stream.caughtUp()
      try {
        const facts = await loadFacts(this.#database, this.#sweepId, reader.cursor, PAGE)
        stream.send(
          facts.map((fact) => ({ event: 'fact', id: fact.seq, data: { type: 'fact', fact: factView(fact) } })),
        )
        reader.cursor = facts.at(-1)?.seq ?? reader.cursor
        if (facts.length < PAGE) {
          reader.isLive = true
          // What was stored since that read.
          this.wake()
          return
        }
      } catch (error) {
        this.#log.warn({ err: error, sweepId: this.#sweepId }, 'facts not read')
        await this.#pause(RETRY_MS)
      }
    }
  }

  #sendViewSoon(): void {
    if (this.#viewTimer !== undefined) return
    const waitMs = Math.max(0, this.#viewDueMs - performance.now())
    this.#viewTimer = setTimeout(() => {
      this.#viewTimer = undefined
      this.#viewDueMs = performance.now() + VIEW_MS
      void this.#sendView([...this.#readers])
    }, waitMs)
  }

  async #sendView(readers: readonly Reader[]): Promise<void> {
    try {
      const sweep = await getSweep(this.#database, this.#sweepId)
      if (sweep === undefined || readers.length === 0) return
      const from = Math.min(...readers.map(({ lastChange }) => lastChange))
      const changed = await findingsChanged(this.#database, this.#sweepId, from, PAGE)
      for (const reader of readers) {
        if (reader.stream.isBehind) continue
        const unseen = changed.filter(({ change }) => change > reader.lastChange)
        reader.lastChange = unseen.at(-1)?.change ?? reader.lastChange
        const findings = unseen.length === 0 ? {} : { findings: unseen.map(findingView) }
        reader.stream.send([{ event: 'sweep', data: { type: 'sweep', sweep: sweepView(sweep), ...findings } }])
      }
    } catch (error) {
      this.#log.warn({ err: error, sweepId: this.#sweepId }, 'sweep not read')
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closed.signal }).catch(() => undefined)
  }
}
