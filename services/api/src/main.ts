import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { openLog } from '@sweep/log/open-log'
import { startMonitor } from '@sweep/monitoring/monitor-server'
import { openMetrics } from '@sweep/monitoring/registry'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import { SweepError } from '@sweep/spec/errors'
import { VERSION } from '@sweep/spec/version'
import { openDatabase } from '@sweep/store/database'
import { migrate } from '@sweep/store/migrate'
import { keepToken } from '@sweep/store/tokens'
import { whyDatabaseIsAway } from './health/database-health.ts'
import { readSettings } from './settings.ts'
import { startApi } from './start-api.ts'

const LONGEST_RETRY_MS = 10_000
const CLOSE_MS = 10_000

/** The API as a process of its own, on a Postgres that others run. */
async function main(): Promise<void> {
  const settings = readSettings(process.env, VERSION)
  const log = openLog({ name: 'api', level: settings.logLevel })
  const database = openDatabase({
    url: settings.databaseUrl,
    max: 20,
    applicationName: 'sweep-api',
    onError: (error) => log.warn({ err: error }, 'database connection lost'),
  })
  for (let retryMs = 500; ; retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)) {
    try {
      await migrate(database)
      break
    } catch (error) {
      if (!(error instanceof SweepError) || !error.retryable) throw error
      log.warn({ reason: error.message, hint: error.hint, retryMs }, 'database not reachable, trying again')
      await delay(retryMs)
    }
  }
  if (settings.token !== undefined) {
    await keepToken(database, settings.token, { kind: 'user', name: 'SWEEP_TOKEN', role: 'admin' })
  }
  if (settings.joinToken !== undefined) {
    await keepToken(database, settings.joinToken, { kind: 'join', name: 'SWEEP_JOIN_TOKEN' })
  }
  const queue = openTicketQueue(
    settings.redisUrl === undefined
      ? { databaseUrl: settings.databaseUrl }
      : { redisUrl: settings.redisUrl, databaseUrl: settings.databaseUrl },
  )
  const clock = { now: () => Date.now() }
  const metrics = openMetrics()
  const api = await startApi(settings, { database, queue, clock, randomBytes, log, metrics })
  const monitor =
    settings.monitor &&
    (await startMonitor({ ...settings.monitor, metrics, whyUnhealthy: () => whyDatabaseIsAway(database) }))
  log.info({ url: api.url, version: settings.version }, 'api listening')

  let isClosing = false
  const close = async (signal: NodeJS.Signals) => {
    if (isClosing) return
    isClosing = true
    log.info({ signal }, 'api closing')
    setTimeout(() => process.exit(1), CLOSE_MS).unref()
    await api.close()
    await monitor?.close()
    await queue.close()
    await database.close()
    process.exit(0)
  }
  process.on('SIGTERM', close)
  process.on('SIGINT', close)
}

main().catch((error: unknown) => {
  const text = error instanceof SweepError ? `${error.message}\n${error.hint ?? ''}` : error
  console.error('The api could not start:', text)
  process.exitCode = 1
  // A pool that still tries to connect must not keep a failed service alive.
  setTimeout(() => process.exit(1), 100)
})
