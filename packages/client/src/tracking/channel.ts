import { setTimeout as sleep } from 'node:timers/promises'
import type { Heartbeat } from './heartbeat.ts'
import type { Say } from './say.ts'
import { Hopeless, SpoolSender, type SpoolTarget } from './send-spool.ts'
import type { Spool } from './spool.ts'

/** After a failure; each pause is twice the one before. */
const PAUSES_MS = { first: 500, most: 30_000 }
const HURRIED_PAUSE_MS = 200
const SHORTEN_BYTES = 33_554_432

export interface ChannelOptions {
  readonly spool: Spool
  readonly tracking: SpoolTarget
  readonly say: Say
  /** Of its run; absent where another channel sends it, or the agent. */
  readonly heartbeat?: Heartbeat | undefined
  readonly flushMs: number
  /** 0 to 1: programs that a server has failed together must not come back together. */
  readonly random: () => number
}

/** A spool that is being sent all the time, without keeping the program alive. */
export class Channel {
  readonly spool: Spool
  /** Of the last try; empty when it went well. */
  failure = ''
  readonly #options: ChannelOptions
  readonly #sender: SpoolSender
  #progress = 0
  #stopped = false
  #isHurried = false
  #wake = new AbortController()
  readonly #running: Promise<void>

  constructor(options: ChannelOptions) {
    this.spool = options.spool
    this.#options = options
    this.#sender = new SpoolSender(options.spool, options.tracking, options.say, () => {
      this.#progress += 1
    })
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    let pause = PAUSES_MS.first
    while (!this.#stopped) {
      try {
        this.spool.retry()
        while (!this.#stopped && (await this.#sender.sendNext())) {
          this.failure = ''
          pause = PAUSES_MS.first
          await this.#beat()
        }
        await this.#beat()
        pause = PAUSES_MS.first
        this.spool.shorten(SHORTEN_BYTES)
        await this.#sleep(this.#options.flushMs)
      } catch (error) {
        this.failure = error instanceof Error ? error.message : String(error)
        if (error instanceof Hopeless) {
          this.#options.say('hopeless', `the server does not take run ${this.spool.runId}: ${this.failure}`)
          return
        }
        await this.#sleep(this.#isHurried ? HURRIED_PAUSE_MS : pause * (0.5 + this.#options.random() / 2))
        pause = Math.min(pause * 2, PAUSES_MS.most)
      }
    }
  }

  async #beat(): Promise<void> {
    if (!this.#stopped) await this.#options.heartbeat?.beat()
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#stopped) return
    const { signal } = this.#wake
    await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined)
    if (signal.aborted) this.#wake = new AbortController()
  }

  /** Waits until all that is in the spool now is sent; false after `patienceMs` without progress. */
  async flush(patienceMs: number): Promise<boolean> {
    const goal = this.spool.size
    const isDone = () => this.spool.isSent || (this.spool.sent.offset >= goal && !this.spool.isBehind)
    this.#isHurried = true
    this.#wake.abort()
    try {
      let seen = this.#progress
      let waitedMs = 0
      while (!isDone()) {
        if (waitedMs > patienceMs) return false
        await sleep(5)
        waitedMs = seen === this.#progress ? waitedMs + 5 : 0
        seen = this.#progress
      }
      return true
    } finally {
      this.#isHurried = false
    }
  }

  /** Ends it, and the spool when nothing is left in it. A request under way is given a second. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake.abort()
    await Promise.race([this.#running, sleep(1000, undefined, { ref: false })])
    this.spool.close()
  }
}
