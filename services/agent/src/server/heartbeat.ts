import { SweepError } from '@sweep/spec/errors'
import type { Heartbeat, HeartbeatReply } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import { Backoff } from './backoff.ts'
import type { ServerApi } from './server-api.ts'

export interface HeartbeatOptions {
  readonly api: ServerApi
  readonly everyMs: () => number
  /** What to say now. */
  readonly body: () => Heartbeat
  readonly onReply: (reply: HeartbeatReply) => void
  /** The server does not know the agent any more. */
  readonly onUnknown: () => Promise<void>
  readonly random: () => number
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Renews the leases of all that runs here, again and again until closed. */
export class HeartbeatLoop {
  readonly #options: HeartbeatOptions
  readonly #backoff: Backoff
  #beatNow: (() => void) | undefined

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.random)
  }

  /** Beats without waiting for its time, unless a beat is under way. */
  now(): void {
    this.#beatNow?.()
  }

  async run(): Promise<void> {
    const { api, body, everyMs, log, onReply, onUnknown, signal } = this.#options
    while (!signal.aborted) {
      try {
        const reply = await api.heartbeat(body())
        this.#backoff.reset()
        onReply(reply)
        await this.#untilNext(everyMs())
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error }, 'heartbeat not answered')
        if (error instanceof SweepError && (error.code === 'unauthenticated' || error.code === 'not-found')) {
          await onUnknown()
        }
        await this.#untilNext(Math.min(everyMs(), this.#backoff.next()))
      }
    }
  }

  async #untilNext(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#beatNow = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#beatNow = undefined
  }
}
