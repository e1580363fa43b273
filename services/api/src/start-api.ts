import { networkInterfaces } from 'node:os'
import swagger from '@fastify/swagger'
import { openObjects } from '@sweep/objects/open-objects'
import { sureLeaseMs } from '@sweep/spec/environment'
import { SweepError } from '@sweep/spec/errors'
import { newId } from '@sweep/spec/ids'
import { listTokens } from '@sweep/store/tokens'
import { isRunBelow } from '@sweep/store/tracking/runs'
import Fastify from 'fastify'
import { createJsonSchemaTransform, type ZodTypeProvider } from 'fastify-type-provider-zod'
import { AgentQueues } from './agents/agent-queues.ts'
import { addAgentRoutes } from './agents/agent-routes.ts'
import { AgentStreams } from './agents/agent-streams.ts'
import { openAgentUsers } from './agents/agent-users.ts'
import { ClaimBroker } from './agents/claim-broker.ts'
import { addConditionRoutes } from './agents/condition-routes.ts'
import { HeartbeatLine } from './agents/heartbeat-line.ts'
import { IngestLine } from './agents/ingest-line.ts'
import { KnownAgents } from './agents/known-agents.ts'
import { addArtifactRoutes } from './artifacts/artifact-routes.ts'
import { addAttemptCheckpointRoutes } from './artifacts/attempt-checkpoint-routes.ts'
import { addAccessControl } from './auth/access.ts'
import { AttemptTokens } from './auth/attempt-tokens.ts'
import { Authenticator, isLoopback } from './auth/authenticator.ts'
import { addTokenRoutes } from './auth/token-routes.ts'
import type { ApiContext, ApiDependencies } from './context.ts'
import { EventHub } from './events/event-hub.ts'
import { addEventRoutes } from './events/event-routes.ts'
import { Notifier } from './events/notifier.ts'
import { type RunningGrpc, startGrpc } from './grpc/grpc-server.ts'
import { ApiLiveness } from './health/api-liveness.ts'
import { addHealthRoutes } from './health/health-routes.ts'
import { addRunHealthRoutes } from './health/run-health-routes.ts'
import type { App } from './http/app.ts'
import { addBodyTimeout } from './http/body-timeout.ts'
import { serializerCompiler, validatorCompiler } from './http/compilers.ts'
import { addErrorHandler, sendError } from './http/error-handler.ts'
import { addGuards, hostName } from './http/guards.ts'
import { addMlflowRoutes } from './mlflow/mlflow-routes.ts'
import { addModelRoutes } from './models/model-routes.ts'
import { addModelVersionRoutes } from './models/model-version-routes.ts'
import { ApiMonitoring } from './monitoring/api-monitoring.ts'
import { addMonitoringRoutes } from './monitoring/monitoring-routes.ts'
import { ObjectJanitor } from './objects/object-janitor.ts'
import { addObjectRoutes } from './objects/object-routes.ts'
import { addPageRoutes } from './pages/page-routes.ts'
import { RetentionKeeper } from './retention/retention-keeper.ts'
import type { ApiSettings } from './settings.ts'
import { addConfirmRoutes } from './sweeps/confirm-routes.ts'
import { addImportanceRoutes } from './sweeps/importance-routes.ts'
import { addReportRoutes } from './sweeps/report-routes.ts'
import { addSweepRoutes } from './sweeps/sweep-routes.ts'
import { LostRuns } from './tracking/lost-runs.ts'
import { RUN_PATIENCE } from './tracking/run-patience.ts'
import { addTrackingRoutes } from './tracking/tracking-routes.ts'
import { addTrialControlRoutes } from './trials/trial-control-routes.ts'
import { addTrialDataRoutes } from './trials/trial-data-routes.ts'
import { addTrialRoutes } from './trials/trial-routes.ts'
import { WebhookCourier } from './webhooks/webhook-courier.ts'
import { addWebhookRoutes } from './webhooks/webhook-routes.ts'

const BODY_BYTES = 1_048_576
const HEADERS_MS = 15_000
const KEEP_ALIVE_MS = 72_000

export interface RunningApi {
  /** Such as `http://127.0.0.1:4600`, for callers on this machine. */
  readonly url: string
  /** Such as `127.0.0.1:4601`; absent where it is not served. */
  readonly grpc: string | undefined
  readonly app: App
  close(): Promise<void>
}

/**
 * Serves the HTTP API, the plain page and, where asked for, gRPC until closed. The database must have its schema.
 *
 * @throws SweepError `port-in-use`; `forbidden` for an address that others can reach while nobody has a token
 */
export async function startApi(settings: ApiSettings, dependencies: ApiDependencies): Promise<RunningApi> {
  const { app, context } = await buildApi(settings, dependencies)
  const { host, grpcPort } = settings
  let grpc: RunningGrpc | undefined
  try {
    await refuseOpenDoor(settings, context)
    if (grpcPort !== undefined) grpc = await startGrpc({ host, port: grpcPort }, app, context)
    await app.listen({ host, port: settings.port })
  } catch (error) {
    await grpc?.close()
    await app.close()
    throw listenError(error, settings)
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : settings.port
  return {
    url: `http://${localHost(host)}:${port}`,
    grpc: grpc && `${localHost(host)}:${grpc.port}`,
    app,
    async close() {
      await grpc?.close()
      await app.close()
    },
  }
}

/** The service without a port, for tests that inject requests. */
export async function buildApi(
  settings: ApiSettings,
  dependencies: ApiDependencies,
): Promise<{ app: App; context: ApiContext }> {
  const { database, log, queue, randomBytes } = dependencies
  const hub = new EventHub()
  const attemptTokens = await AttemptTokens.load(database, randomBytes)
  const notifier = new Notifier(database, log)
  const objects = await openObjects(settings.objects.place, dependencies.clock)
  const janitor = new ObjectJanitor({ database, objects, settings: settings.objects, log })
  const ingestLine = new IngestLine(database)
  const agentQueues = new AgentQueues(database)
  const agentUsers = await openAgentUsers(settings, dependencies)
  const mayTake = settings.agentRedisUrl !== undefined
  const context: ApiContext = {
    ...dependencies,
    settings,
    hub,
    attemptTokens,
    notifier,
    objects,
    monitoring: new ApiMonitoring(database, dependencies.metrics),
    broker: new ClaimBroker({
      ...{ database, queue, hub, ingestLine, leaseMs: settings.leaseMs, log },
      tellQueued: (name) => notifier.tell('attempts_queued', [name]),
    }),
    ingestLine,
    heartbeatLine: new HeartbeatLine(database, {
      leaseMs: settings.leaseMs,
      sureMs: sureLeaseMs(settings.leaseMs, settings.heartbeatMs),
    }),
    knownAgents: new KnownAgents(database, hub),
    agentQueues,
    agentUsers,
    agentStreams: new AgentStreams({
      ...{ database, hub, log, users: agentUsers },
      queues: mayTake ? agentQueues : undefined,
    }),
    authenticator: new Authenticator({ ...dependencies, attemptTokens, settings }),
  }
  await hub.open(database, log)
  const courier = new WebhookCourier({
    ...{ database, log, clock: dependencies.clock, id: newId(randomBytes) },
    allowPrivate: settings.privateWebhooks === true,
  })
  const lostRuns = new LostRuns({
    database,
    clock: dependencies.clock,
    patience: settings.runPatience ?? RUN_PATIENCE,
    log,
  })
  const retention = new RetentionKeeper({ database, log, clock: dependencies.clock, id: newId(randomBytes) })
  const liveness = new ApiLiveness(database, newId(randomBytes), log)

  const app: App = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    // Of headers; see `addBodyTimeout` for the rest.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: Math.min(HEADERS_MS, settings.requestTimeoutMs),
      connectionsCheckingInterval: settings.requestTimeoutMs / 10,
    },
    genReqId: () => newId(randomBytes),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, log),
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(serializerCompiler)
  readJsonBodies(app)
  addErrorHandler(app, log)
  addBodyTimeout(app, settings.requestTimeoutMs)
  addGuards(app, [...settings.allowedHosts, ...ownNames(settings.host)])
  addAccessControl(app, context.authenticator, (id, above) => isRunBelow(database, id, above))
  context.monitoring.watch(app)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'sweep', version: settings.version, description: 'Hyperparameter sweeps as a service.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } }),
  })
  await app.register(
    async (api) => {
      const routes = api.withTypeProvider<ZodTypeProvider>()
      addHealthRoutes(routes, context)
      addTokenRoutes(routes, context)
      addSweepRoutes(routes, context)
      addImportanceRoutes(routes, context)
      addReportRoutes(routes, context)
      addConfirmRoutes(routes, context)
      addRunHealthRoutes(routes, context)
      addWebhookRoutes(routes, context)
      addTrialRoutes(routes, context)
      addTrialControlRoutes(routes, context)
      addTrialDataRoutes(routes, context)
      addAgentRoutes(routes, context)
      addConditionRoutes(routes, context)
      addObjectRoutes(routes, context)
      addArtifactRoutes(routes, context)
      addAttemptCheckpointRoutes(routes, context)
      addTrackingRoutes(routes, context)
      addModelRoutes(routes, context)
      addModelVersionRoutes(routes, context)
      addEventRoutes(routes, context)
      routes.get('/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, () => app.swagger())
    },
    { prefix: '/api/v1' },
  )
  addMlflowRoutes(app, context)
  addMonitoringRoutes(app, context)
  await addPageRoutes(app)
  app.addHook('preClose', async () => {
    context.knownAgents.close()
    await context.broker.close()
    context.agentStreams.close()
    context.agentUsers?.close()
  })
  app.addHook('onClose', async () => {
    await courier.close()
    await retention.close()
    await liveness.close()
    await janitor.close()
    await lostRuns.close()
    objects.close()
    await context.notifier.close()
    await hub.close()
  })
  await app.ready()
  janitor.start()
  courier.start()
  lostRuns.start()
  retention.start()
  return { app, context }
}

/** Only JSON, only as UTF-8, and never with keys that reach an object's prototype. */
function readJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = String(body)
    // `POST …/pause` has nothing to say, yet many clients name the type of what they don't send.
    if (text === '') done(null, undefined)
    else parse(request, text, done)
  })
}

/** Ray's ShadowRay (CVE-2023-48022) was an API that anybody could reach and nobody had to log in to. */
async function refuseOpenDoor({ host }: ApiSettings, { database }: ApiContext): Promise<void> {
  if (isLoopback(host)) return
  const tokens = await listTokens(database)
  if (tokens.some((token) => token.kind === 'user')) return
  throw new SweepError('forbidden', `listening on ${host} lets others in, and nobody has a token yet`, {
    hint: 'Set SWEEP_TOKEN to a token of your own making to start with, or listen on 127.0.0.1.',
  })
}

/** Names under which a server that listens on one address, or on all of them, is rightly called. */
function ownNames(host: string): string[] {
  const isAny = host === '0.0.0.0' || host === '::'
  const addresses = isAny
    ? Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
    : [host]
  return addresses.map((address) => (address.includes(':') ? `[${address.replace(/%.*$/, '')}]` : hostName(address)))
}

function localHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function listenError(error: unknown, { host, port }: ApiSettings): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const options = { cause: error }
  switch (error.code) {
    case 'EADDRINUSE':
      return new SweepError('port-in-use', `port ${port} on ${host} is taken by another program`, {
        ...options,
        hint: 'Stop that program, or set SWEEP_PORT to another port (0 finds a free one).',
      })
    case 'EACCES':
      return new SweepError('port-in-use', `port ${port} on ${host} needs rights this user does not have`, {
        ...options,
        hint: 'Set SWEEP_PORT to a port above 1023.',
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new SweepError('invalid-request', `${host} is no address of this machine`, {
        ...options,
        hint: 'Correct SWEEP_HOST.',
      })
    default:
      return error
  }
}
