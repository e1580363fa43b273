import { randomBytes } from 'node:crypto'
import { openLog } from '@sweep/log/open-log'
import { startMonitor } from '@sweep/monitoring/monitor-server'
import { openMetrics } from '@sweep/monitoring/registry'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import { SweepError } from '@sweep/spec/errors'
import { openDatabase } from '@sweep/store/database'
import { migrate } from '@sweep/store/migrate'
import { type Controller, startController } from './controller.ts'
import { readSettings } from './settings.ts'

/** The controller as a service of its own: `DATABASE_URL`, and `REDIS_URL` where tickets go over Redis. */
async function main(): Promise<void> {
  const settings = readSettings(process.env)
  const log = openLog({ name: 'controller', level: settings.logLevel })
  const database = openDatabase({
    url: settings.databaseUrl,
    applicationName: 'sweep-controller',
    onError: (error) => log.warn({ err: error }, 'a connection to Postgres broke'),
  })
  const { databaseUrl, redisUrl } = settings
  const queue = openTicketQueue(redisUrl === undefined ? { databaseUrl } : { redisUrl })
  const metrics = openMetrics()
  const dependencies = { database, queue, log, randomBytes, metrics, clock: { now: () => Date.now() } }

  let controller: Controller | undefined
  let stopping = false
  const monitor =
    settings.monitor &&
    (await startMonitor({
      ...settings.monitor,
      metrics,
      whyUnhealthy: () => (controller === undefined ? 'Postgres cannot be reached yet' : controller.whyUnhealthy()),
    }))
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping')
    await controller?.stop()
    await queue.close()
    await database.close()
    await monitor?.close()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  for (let tries = 1; !controller && !stopping; tries += 1) {
    try {
      await migrate(database)
      controller = await startController(settings, dependencies)
    } catch (error) {
      if (!(error instanceof SweepError && error.retryable)) throw error
      const waitMs = Math.min(5000, 100 * 2 ** Math.min(tries, 10))
      log.warn({ err: error, waitMs }, 'Postgres cannot be reached yet')
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
  log.info('controller started')
}

await main().catch((error: unknown) => {
  const hint = error instanceof SweepError && error.hint ? `\n${error.hint}` : ''
  process.stderr.write(`sweep-controller: ${error instanceof Error ? error.message : String(error)}${hint}\n`)
  process.exit(1)
})
