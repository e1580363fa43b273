import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { toJson } from '../http/to-json.ts'

const KEEP_ALIVE_MS = 15_000
/** Bytes that may wait for a slow reader before its writer must wait too. */
const MAX_BACKLOG_BYTES = 262_144
/** A reader that takes nothing for this long is cut off; it comes back with Last-Event-ID and misses nothing. */
const MAX_STALL_MS = 20_000

export interface SseEvent {
  readonly event?: string
  readonly id?: number
  readonly data: unknown
}

/** One open event stream. Never buffers more than a quarter of a megabyte for a slow reader. */
export class SseStream {
  readonly #response: ServerResponse
  readonly #keepAlive: NodeJS.Timeout
  readonly #ended = new AbortController()

  /**
   * Takes over `reply`; headers set by earlier hooks are kept.
   *
   * @param keepAliveMs how often a comment shows a reader with nothing to read that the stream lives
   */
  constructor(reply: FastifyReply, keepAliveMs = KEEP_ALIVE_MS) {
    reply.hijack()
    this.#response = reply.raw
    this.#response.writeHead(200, {
      ...Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined)),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      connection: 'keep-alive',
    })
    this.#response.socket?.setNoDelay(true)
    this.#response.write('retry: 1000\n\n')
    this.#response.on('close', () => this.#finish())
    this.#response.on('error', () => this.#finish())
    this.#keepAlive = setInterval(() => {
      if (!this.isBehind) this.#response.write(': still here\n\n')
    }, keepAliveMs)
    this.#keepAlive.unref()
  }

  /** Aborts when the stream is over, from whichever side. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** True while the reader has more than a quarter of a megabyte to take. */
  get isBehind(): boolean {
    return this.#response.writableLength > MAX_BACKLOG_BYTES
  }

  send(events: readonly SseEvent[]): void {
    if (this.ended.aborted || events.length === 0) return
    this.#response.write(events.map(formatEvent).join(''))
  }

  /** Waits until the reader has caught up with what was sent; cuts it off when it takes nothing for 20 s. */
  async caughtUp(): Promise<void> {
    if (this.ended.aborted || !this.isBehind) return
    const stalled = AbortSignal.timeout(MAX_STALL_MS)
    try {
      await once(this.#response, 'drain', { signal: AbortSignal.any([this.ended, stalled]) })
    } catch {
      this.#response.destroy()
    }
  }

  close(): void {
    if (!this.ended.aborted) this.#response.end()
    this.#finish()
  }

  #finish(): void {
    clearInterval(this.#keepAlive)
    this.#ended.abort()
  }
}

function formatEvent({ event, id, data }: SseEvent): string {
  // toJson leaves no line break in the text, so one data line is enough.
  return `${event === undefined ? '' : `event: ${event}\n`}${id === undefined ? '' : `id: ${id}\n`}data: ${toJson(data)}\n\n`
}
