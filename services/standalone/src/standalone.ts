import { join } from 'node:path'
import { type RunningApi, startApi } from '@sweep/api/start-api'
import { type Controller, startController } from '@sweep/controller/controller'
import { openMetrics } from '@sweep/monitoring/registry'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import type { TicketQueue } from '@sweep/queue/ticket-queue'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import { type Database, openDatabase } from '@sweep/store/database'
import { migrate } from '@sweep/store/migrate'
import { keepToken } from '@sweep/store/tokens'
import type { Logger } from 'pino'
import { AgentProcess, findAgent } from './agent-process.ts'
import { connectWithRetry, withoutSecrets } from './connect.ts'
import { homeToken, lockHome, removeServerRecord, writeServerRecord } from './home.ts'
import { startCluster } from './postgres/cluster.ts'
import type { StandaloneSettings } from './settings.ts'

export interface StandaloneDependencies {
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly log: Logger
  readonly version: string
  /** Start time of this process as `process-identity` tells it; together with the pid it names the process for good. */
  readonly startTime: string
  /** Told what the start waits for. */
  readonly say: (message: string) => void
}

export interface Standalone {
  readonly url: string
  /** Drains the agent, then closes everything in the order in which it needs the rest. */
  stop(): Promise<void>
}

/**
 * Api and controller in this process and one agent in a child of it, over an embedded Postgres unless a database is
 * given.
 */
export async function startStandalone(
  settings: StandaloneSettings,
  dependencies: StandaloneDependencies,
): Promise<Standalone> {
  const { clock, log, say } = dependencies
  // What has been started so far; undone in reverse when a later step fails, and at the end.
  const closers: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) {
      await close().catch((err: unknown) => log.error({ err }, 'could not close'))
    }
  }
  try {
    const lock = await lockHome(settings.home)
    closers.push(() => lock.release())
    const token = await homeToken(settings.home)

    const databaseUrl = settings.databaseUrl ?? (await startEmbedded(settings.home, closers, log))
    const database = openDatabase({
      url: databaseUrl,
      max: 20,
      applicationName: 'sweep-standalone',
      onError: (err) => log.warn({ err }, 'database connection lost'),
    })
    closers.push(() => database.close())
    await connectWithRetry(
      `Postgres at ${withoutSecrets(databaseUrl)}`,
      () => migrate(database),
      settings.connectTimeoutMs,
      say,
    )
    await keepToken(database, token, { kind: 'user', name: 'home', role: 'admin' })

    const queue = openTicketQueue(
      settings.redisUrl === undefined ? { databaseUrl } : { redisUrl: settings.redisUrl, databaseUrl },
    )
    closers.push(() => queue.close())
    await connectWithRetry(
      settings.redisUrl === undefined ? 'The queue in Postgres' : `Redis at ${withoutSecrets(settings.redisUrl)}`,
      () => queue.check(),
      settings.connectTimeoutMs,
      say,
    )

    const api = await startServices(settings, dependencies, { database, queue }, closers)
    if (settings.agent) {
      const env = { ...settings.agent.env, SWEEP_HOME: settings.home, SWEEP_URL: api.url, SWEEP_TOKEN: token }
      const agent = new AgentProcess({ path: findAgent(), env, log })
      agent.start()
      closers.push(() => agent.stop())
    }
    await writeServerRecord(settings.home, {
      url: api.url,
      grpc: api.grpc,
      pid: process.pid,
      startTime: dependencies.startTime,
      startedAt: new Date(clock.now()).toISOString(),
      version: dependencies.version,
    })
    closers.push(() => removeServerRecord(settings.home))
    return { url: api.url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startEmbedded(home: string, closers: (() => Promise<void>)[], log: Logger): Promise<string> {
  const cluster = await startCluster({
    folder: join(home, 'postgres'),
    onEvent: (event) => log.error({ event }, 'embedded Postgres'),
  })
  closers.push(() => cluster.stop())
  return cluster.url
}

async function startServices(
  settings: StandaloneSettings,
  { clock, randomBytes, log }: StandaloneDependencies,
  { database, queue }: { database: Database; queue: TicketQueue },
  closers: (() => Promise<void>)[],
): Promise<RunningApi> {
  const shared = { database, queue, clock, randomBytes, log, metrics: openMetrics() }
  const controller: Controller = await startController(settings.controller, shared)
  closers.push(() => controller.stop())
  const api = await startApi(settings.api, shared)
  closers.push(() => api.close())
  return api
}
