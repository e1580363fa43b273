import type { Clock } from '@sweep/spec/clock'

const FIRST_BACKOFF_MS = 250
const LONGEST_BACKOFF_MS = 30_000

export interface WorkQueueOptions {
  readonly clock: Clock
  /** From 0 to 1, for jitter. */
  readonly random: () => number
  /** How many keys are worked on at the same time. */
  readonly width: number
  /** Between two beginnings for the same key, so that what changes all the time costs a look now and then. */
  readonly pauseMs: number
  /**
   * One look at what a key stands for; resolves to when to look again by itself, undefined for never. When it throws, it
   * is called again after a while that grows.
   */
  readonly work: (key: string) => Promise<number | undefined>
  readonly onError: (key: string, error: unknown) => void
}

interface Entry {
  /** When it was begun last. */
  begunMs: number
  isRunning: boolean
  /** Asked for once more while it ran. */
  isAskedAgain: boolean
  /** Nothing more is to be done for it. */
  isForgotten: boolean
  failures: number
  timer: NodeJS.Timeout | undefined
  dueMs: number
}

/**
 * Keys that are to be looked at, each by one worker at a time. Asking for a key that waits already changes nothing; asking
 * for one that is being looked at makes for another look after it, so that no change is missed.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #entries = new Map<string, Entry>()
  readonly #ready: string[] = []
  #running = 0
  #isClosed = false
  #idle: (() => void) | undefined

  constructor(options: WorkQueueOptions) {
    this.#options = options
  }

  /** As soon as possible. */
  add(key: string): void {
    const entry = this.#entryOf(key)
    entry.isForgotten = false
    if (entry.isRunning) entry.isAskedAgain = true
    else this.#schedule(key, entry, entry.failures > 0 ? entry.dueMs : entry.begunMs + this.#options.pauseMs)
  }

  /** Now, whatever it failed with before. */
  retry(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    entry.failures = 0
    this.add(key)
  }

  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    clearTimeout(entry.timer)
    if (entry.isRunning) entry.isForgotten = true
    else this.#entries.delete(key)
  }

  /** Resolves when what has begun has ended; nothing begins any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const entry of this.#entries.values()) clearTimeout(entry.timer)
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve
      })
    }
  }

  #entryOf(key: string): Entry {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    const begunMs = Number.NEGATIVE_INFINITY
    const entry = {
      begunMs,
      isRunning: false,
      isAskedAgain: false,
      isForgotten: false,
      failures: 0,
      timer: undefined,
      dueMs: 0,
    }
    this.#entries.set(key, entry)
    return entry
  }

  /** Sooner counts, when it is due already. */
  #schedule(key: string, entry: Entry, atMs: number): void {
    if (this.#isClosed || (entry.timer !== undefined && entry.dueMs <= atMs)) return
    clearTimeout(entry.timer)
    entry.dueMs = atMs
    entry.timer = setTimeout(
      () => {
        this.#ready.push(key)
        this.#begin()
      },
      Math.max(0, atMs - this.#options.clock.now()),
    )
  }

  #begin(): void {
    while (this.#running < this.#options.width && !this.#isClosed) {
      const key = this.#ready.shift()
      if (key === undefined) return
      const entry = this.#entries.get(key)
      if (entry !== undefined && !entry.isRunning) void this.#run(key, entry)
    }
  }

  async #run(key: string, entry: Entry): Promise<void> {
    const { clock, pauseMs, random, work, onError } = this.#options
    this.#running += 1
    Object.assign(entry, { isRunning: true, isAskedAgain: false, timer: undefined, begunMs: clock.now() })
    let again: number | undefined
    try {
      const afterMs = await work(key)
      entry.failures = 0
      again = afterMs === undefined ? undefined : clock.now() + Math.max(pauseMs, afterMs)
    } catch (error) {
      onError(key, error)
      const most = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** entry.failures)
      entry.failures = Math.min(entry.failures + 1, 20)
      again = clock.now() + most * (0.5 + random() / 2)
    }
    this.#running -= 1
    entry.isRunning = false
    if (entry.isAskedAgain && entry.failures === 0) again = Math.min(again ?? Infinity, entry.begunMs + pauseMs)
    if (entry.isForgotten) this.#entries.delete(key)
    else if (again !== undefined) this.#schedule(key, entry, again)
    if (this.#isClosed && this.#running === 0) this.#idle?.()
    this.#begin()
  }
}
