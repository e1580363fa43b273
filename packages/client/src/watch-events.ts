import { setTimeout as delay } from 'node:timers/promises'
import { SweepError } from '@sweep/spec/errors'
import type { Http } from './http.ts'
import { readEvents } from './sse-reader.ts'

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined
  /** How long to go on trying while no server answers, in ms; 60,000 when absent. */
  readonly patienceMs?: number
  /** The server answers, each time that it does so anew; events may be long in coming. */
  readonly onOpen?: () => void
}

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 3000
const PATIENCE_MS = 60_000

/**
 * The events of a stream, reconnecting with Last-Event-ID whenever it breaks, so that none is missed or comes twice.
 *
 * @throws SweepError `unreachable` or `unavailable` once the server has been away for `patienceMs`; at once for any
 *   other refusal (not found, no rights); the signal's reason when it aborts
 */
export async function* watchEvents<T>(
  http: Http,
  path: string,
  decode: (data: unknown) => T,
  options: WatchOptions & { readonly lastId?: number },
): AsyncGenerator<T> {
  const { onOpen, signal, patienceMs = PATIENCE_MS } = options
  let lastId = options.lastId === undefined ? undefined : String(options.lastId)
  let awayMs = 0
  let retryMs = FIRST_RETRY_MS
  for (;;) {
    try {
      const headers = { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) }
      const response = await http.send({ path, headers, signal })
      if (response.body === null) throw new SweepError('unreachable', 'the event stream is empty')
      onOpen?.()
      for await (const event of readEvents(response.body, signal)) {
        awayMs = 0
        retryMs = FIRST_RETRY_MS
        if (event.id !== '') lastId = event.id
        yield decode(JSON.parse(event.data))
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      const isFatal = error instanceof SweepError && !error.retryable
      if (isFatal || awayMs >= patienceMs) throw error
    }
    if (signal?.aborted) throw signal.reason
    await delay(retryMs, undefined, { signal })
    awayMs += retryMs
    retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)
  }
}
