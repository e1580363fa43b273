import { Server, ServerCredentials, type ServiceDefinition, setLogger } from '@grpc/grpc-js'
import type { ServiceDefinition as LoadedService, PackageDefinition } from '@grpc/proto-loader'
import { ReflectionService } from '@grpc/reflection'
import { SweepError } from '@sweep/spec/errors'
import { HealthImplementation } from 'grpc-health-check'
import type { Logger } from 'pino'
import type { ApiContext } from '../context.ts'
import { whyDatabaseIsAway } from '../health/database-health.ts'
import type { App } from '../http/app.ts'
import { BATCH_BYTES } from '../tracking/run-metric-routes.ts'
import { CallEnds } from './call-ends.ts'
import { RouteCaller } from './call-route.ts'
import { Descriptors } from './descriptors.ts'
import { loadDescriptors, loadErrorProto, loadTrackingProto, TRACKING_SERVICE } from './load-proto.ts'
import { messageCodecs } from './message-codec.ts'
import { MetricReader } from './read-metrics.ts'
import { StatusMaker } from './status-of.ts'
import { type MethodCodecs, trackingHandlers } from './tracking-handlers.ts'

const HEALTH_SERVICE = 'grpc.health.v1.Health'
/** A connection on which nothing has come for so long is asked whether it lives, and closed when it does not answer. */
const KEEP_ALIVE_MS = 60_000
const KEEP_ALIVE_ANSWER_MS = 20_000
/** Calls at a time on one connection; each may hold a message of 4 MiB. */
const MOST_CALLS = 256
/** Time for calls under way to end by themselves when the server stops. */
const GRACE_MS = 3000
const HEALTH_MS = 5000

export interface RunningGrpc {
  readonly port: number
  /** Says that it serves no more, ends streams, lets calls under way end, and closes. */
  close(): Promise<void>
}

/**
 * Serves the tracking service over gRPC, with reflection and health, until closed.
 * @throws SweepError `port-in-use`
 */
export async function startGrpc(
  { host, port }: { readonly host: string; readonly port: number },
  app: App,
  context: ApiContext,
): Promise<RunningGrpc> {
  const { database, log, randomBytes } = context
  writeLogTo(log)
  const definition = loadTrackingProto()
  const ends = new CallEnds({ statuses: new StatusMaker(loadErrorProto()), log, randomBytes })
  const routes = new RouteCaller(app)
  const reader = new MetricReader(database, routes)
  const service = definition[TRACKING_SERVICE] as LoadedService
  const handlers = trackingHandlers(methodCodecs(definition, service), { routes, reader, ends })

  const server = new Server({
    'grpc.max_receive_message_length': BATCH_BYTES,
    // A million points, in buckets or not; clients have limits of their own.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': MOST_CALLS,
    'grpc.keepalive_time_ms': KEEP_ALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEP_ALIVE_ANSWER_MS,
    'grpc.enable_channelz': 0,
  })
  server.addService(service as ServiceDefinition, handlers)
  const health = new HealthImplementation()
  health.addToServer(server)
  // Not of what protobufjs has loaded, with which only Node's clients can do something.
  new ReflectionService(loadDescriptors(), { services: [TRACKING_SERVICE, HEALTH_SERVICE] }).addToServer(server)
  const bound = await listen(server, host, port)

  let isClosing = false
  const say = (status: 'SERVING' | 'NOT_SERVING') => {
    for (const name of ['', TRACKING_SERVICE]) health.setStatus(name, status)
  }
  const look = async () => {
    const why = await whyDatabaseIsAway(database)
    if (!isClosing) say(why === undefined ? 'SERVING' : 'NOT_SERVING')
  }
  await look()
  const looking = setInterval(() => void look(), HEALTH_MS)
  looking.unref()

  return {
    port: bound,
    async close() {
      isClosing = true
      clearInterval(looking)
      say('NOT_SERVING')
      ends.close()
      await shutDown(server)
    },
  }
}

/** What the library has to say, which would go to stderr past our log. */
function writeLogTo(log: Logger): void {
  const write = (...texts: unknown[]) => log.warn({ text: texts.map(String).join(' ') }, 'from the gRPC library')
  setLogger({ error: write, info: write, debug: write })
}

/** By the name of the method. */
function methodCodecs(definition: PackageDefinition, service: LoadedService): ReadonlyMap<string, MethodCodecs> {
  const codecOf = messageCodecs(new Descriptors(definition))
  // Methods tell only the last part of the name of a message; no two of ours end in the same.
  const fullNames = new Map(Object.keys(definition).map((name) => [name.slice(name.lastIndexOf('.') + 1), name]))
  const codec = ({ type }: { readonly type: object }) =>
    codecOf(fullNames.get((type as { readonly name: string }).name) ?? '')
  return new Map(
    Object.entries(service).map(([name, { requestType, responseType }]) => [
      name,
      { request: codec(requestType), reply: codec(responseType) },
    ]),
  )
}

function listen(server: Server, host: string, port: number): Promise<number> {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) return resolve(bound)
      const why = /EADDRINUSE/.test(error.message) ? 'is taken by another program' : `can't be had: ${error.message}`
      reject(
        new SweepError('port-in-use', `the port of gRPC, ${port} on ${host}, ${why}`, {
          hint: 'Set SWEEP_GRPC_PORT to a port that is free (0 finds one).',
          cause: error,
        }),
      )
    })
  })
}

async function shutDown(server: Server): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  // Whoever watches the health would keep the server open for good.
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, GRACE_MS)
  })
  const through = new Promise<void>((resolve) => {
    server.tryShutdown(() => resolve())
  })
  await Promise.race([through, late])
  clearTimeout(timer)
  server.forceShutdown()
}
