import { once } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerReadableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { SweepError } from '@sweep/spec/errors'
import type { CallEnds } from './call-ends.ts'
import type { RouteCaller } from './call-route.ts'
import type { MessageCodec } from './message-codec.ts'
import type { MetricReader } from './read-metrics.ts'
import { DOWNLOAD, ROUTES, type Route, UPLOAD, type Values } from './routes.ts'

/** What the handlers work with. */
export interface HandlerContext {
  readonly routes: RouteCaller
  readonly reader: MetricReader
  readonly ends: CallEnds
}

/** Of the messages of a method. */
export interface MethodCodecs {
  readonly request: MessageCodec
  readonly reply: MessageCodec
}

/**
 * A handler for every method of the service.
 * @param methods codecs by the name of the method
 * @throws Error for a method that nothing here answers
 */
export function trackingHandlers(
  methods: ReadonlyMap<string, MethodCodecs>,
  context: HandlerContext,
): UntypedServiceImplementation {
  const streams: Readonly<Record<string, (codecs: MethodCodecs) => UntypedServiceImplementation[string]>> = {
    LogMetricStream: (codecs) => logMetricStream(codecs, context),
    ReadMetrics: (codecs) => readMetrics(codecs, context),
    UploadArtifact: (codecs) => uploadArtifact(codecs, context),
    DownloadArtifact: (codecs) => downloadArtifact(codecs, context),
  }
  return Object.fromEntries(
    [...methods].map(([name, codecs]) => {
      const route = ROUTES[name]
      const handler = route === undefined ? streams[name]?.(codecs) : unary(route, codecs, context)
      if (handler === undefined) throw new Error(`nothing answers ${name}`)
      return [name, handler]
    }),
  )
}

function unary(
  route: Route,
  { request, reply }: MethodCodecs,
  { routes, ends }: HandlerContext,
): handleUnaryCall<Values, Values> {
  return async (call, callback) => {
    const signal = ends.signalOf(call)
    try {
      const body = await routes.call(route, request.fromMessage(call.request), call, signal)
      callback(null, reply.toMessage(body))
    } catch (error) {
      callback(ends.statusOf(error, call.getPath(), signal))
    }
  }
}

function logMetricStream(
  { request, reply }: MethodCodecs,
  { routes, ends }: HandlerContext,
): handleBidiStreamingCall<Values, Values> {
  return async (call) => {
    const signal = ends.signalOf(call)
    try {
      // One after the other: what is answered is stored, and a client that sends faster than that is held up.
      for await (const message of untilAborted<Values>(call, signal)) {
        const body = await routes.call(ROUTES['LogMetrics']!, request.fromMessage(message), call, signal)
        await write(call, reply.toMessage(body), signal)
      }
      call.end()
    } catch (error) {
      call.emit('error', ends.statusOf(error, call.getPath(), signal))
    }
  }
}

function readMetrics(
  { request, reply }: MethodCodecs,
  { reader, ends }: HandlerContext,
): handleServerStreamingCall<Values, Values> {
  return async (call) => {
    const signal = ends.signalOf(call)
    try {
      for await (const points of reader.read(request.fromMessage(call.request), call, signal)) {
        await write(call, reply.toMessage({ ...points }), signal)
      }
      call.end()
    } catch (error) {
      call.emit('error', ends.statusOf(error, call.getPath(), signal))
    }
  }
}

function uploadArtifact(
  { request, reply }: MethodCodecs,
  { routes, ends }: HandlerContext,
): handleClientStreamingCall<Values, Values> {
  return async (call, callback) => {
    const signal = ends.signalOf(call)
    try {
      const messages = untilAborted<Values>(call, signal)
      const first = await messages.next()
      const { header } = first.done === true ? {} : request.fromMessage(first.value)
      if (header === undefined) throw new SweepError('invalid-request', 'the first message must be the header')
      const bytes = Readable.from(chunksOf(messages, call, signal), { objectMode: false })
      callback(null, reply.toMessage(await routes.upload(UPLOAD, header as Values, bytes, call, signal)))
    } catch (error) {
      callback(ends.statusOf(error, call.getPath(), signal))
    }
  }
}

async function* chunksOf(
  messages: AsyncIterable<Values>,
  call: ServerReadableStream<Values, Values>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const { chunk } of messages) {
    if (!Buffer.isBuffer(chunk)) throw new SweepError('invalid-request', 'after the header come chunks only')
    if (chunk.length > 0) yield chunk
  }
  // The messages of a call that was given up end before that is told. To send something makes gRPC look, and tell.
  call.sendMetadata(new Metadata())
  await nextTurn()
  signal.throwIfAborted()
}

function downloadArtifact(
  { request, reply }: MethodCodecs,
  { routes, ends }: HandlerContext,
): handleServerStreamingCall<Values, Values> {
  return async (call) => {
    const signal = ends.signalOf(call)
    try {
      const { bytes, ...header } = await routes.download(DOWNLOAD, request.fromMessage(call.request), call, signal)
      await write(call, reply.toMessage({ header }), signal)
      for await (const chunk of bytes) await write(call, { chunk }, signal)
      call.end()
    } catch (error) {
      call.emit('error', ends.statusOf(error, call.getPath(), signal))
    }
  }
}

/** Waits while the client has more to take than fits. */
async function write(call: Writable, message: Values, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (!call.write(message)) await once(call, 'drain', { signal })
}

/** The messages of a client; a call that is given up, or cut off, ends in an error instead of as if it were through. */
async function* untilAborted<T>(call: Readable, signal: AbortSignal): AsyncGenerator<T> {
  const messages: AsyncIterator<T> = call.iterator({ destroyOnReturn: false })
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  aborted.catch(() => undefined)
  for (;;) {
    signal.throwIfAborted()
    const next = await Promise.race([messages.next(), aborted])
    if (next.done === true) return
    yield next.value
  }
}
