/** One server-sent event, as the HTML standard's section 9.2.6 reads it. */
export interface ReceivedEvent {
  readonly event: string
  /** The last id the stream has named, '' before the first. */
  readonly id: string
  readonly data: string
}

/** A line longer than this is not from our server. */
const MAX_LINE = 16_777_216

/** The events of a reply's body, until it ends or the signal aborts. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<ReceivedEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let event = ''
  let id = ''
  let data: string[] = []
  for await (const bytes of chunksOf(body, signal)) {
    rest += decoder.decode(bytes, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE) throw new Error('a line of the event stream is too long')
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line === '') {
        if (data.length > 0) yield { event: event || 'message', id, data: data.join('\n') }
        event = ''
        data = []
        continue
      }
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
      if (field === 'event') event = value
      else if (field === 'id') id = value
      else if (field === 'data') data.push(value)
    }
  }
}

/**
 * The signal ends the reading here and not by the request alone: Node 20 forgets which reply a signal belongs to once the
 * request has been collected as garbage, and its reader would wait for ever.
 */
async function* chunksOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  const cancel = () => void reader.cancel().catch(() => undefined)
  signal?.addEventListener('abort', cancel)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    signal?.removeEventListener('abort', cancel)
    cancel()
  }
}
