import type { EventEmitter } from 'node:events'
import { type StatusObject, status } from '@grpc/grpc-js'
import type { RandomBytes } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import { newId } from '@sweep/spec/ids'
import type { Logger } from 'pino'
import { asSweepError, errorBody } from '../http/error-handler.ts'
import { RouteRefusal } from './call-route.ts'
import type { StatusMaker } from './status-of.ts'

interface Options {
  readonly statuses: StatusMaker
  readonly log: Logger
  readonly randomBytes: RandomBytes
}

/** How calls end before they are through: given up by their client, refused, or cut off by the end of the server. */
export class CallEnds {
  readonly #options: Options
  readonly #closing = new AbortController()

  constructor(options: Options) {
    this.#options = options
  }

  /** Ends all streams; those who called are told to try again. */
  close(): void {
    this.#closing.abort()
  }

  /** Aborts when the client has cancelled, is gone or has waited until its deadline, and when the server closes. */
  signalOf(call: EventEmitter & { readonly cancelled: boolean }): AbortSignal {
    const given = new AbortController()
    if (call.cancelled) given.abort()
    call.once('cancelled', () => given.abort())
    return AbortSignal.any([given.signal, this.#closing.signal])
  }

  /** What the client is told of something that was thrown. */
  statusOf(thrown: unknown, path: string, signal: AbortSignal): Partial<StatusObject> {
    const { statuses, log, randomBytes } = this.#options
    if (thrown instanceof RouteRefusal) return statuses.statusOf(thrown.body, thrown.retryable)
    if (signal.aborted && !this.#closing.signal.aborted) return { code: status.CANCELLED, details: 'given up' }
    const error = this.#closing.signal.aborted ? stopping() : asSweepError(thrown)
    const body = errorBody(error, newId(randomBytes))
    if (error.code === 'internal') log.error({ requestId: body.requestId, path, err: thrown }, 'call failed')
    return statuses.statusOf(body, error.retryable)
  }
}

function stopping(): SweepError {
  return new SweepError('unavailable', 'the server stops', { hint: 'Nothing is lost; call again in a few seconds.' })
}
