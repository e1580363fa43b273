import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import { startCluster } from '@sweep/standalone/postgres/cluster'
import { openDatabase } from '@sweep/store/database'
import { migrate } from '@sweep/store/migrate'
import { asServer, urlOf } from './postgres.ts'

/**
 * One Postgres for the whole run, the embedded one unless SWEEP_TEST_DATABASE_URL names another; each test file makes a
 * database of its own in it, a copy of one that is migrated here. Called for each project of vitest.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env['SWEEP_TEST_TEMPLATE']) return undefined
  const stopCluster = process.env['SWEEP_TEST_DATABASE_URL'] ? undefined : await startOwnCluster()
  const dropTemplate = await makeTemplate()
  return async () => {
    await dropTemplate()
    await stopCluster?.()
  }
}

async function startOwnCluster(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-test-'))
  await chmod(folder, 0o755)
  const cluster = await startCluster({
    folder: join(folder, 'postgres'),
    maxConnections: 300,
    // Tests need no durability: a crash of this Postgres fails them anyway.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  })
  process.env['SWEEP_TEST_DATABASE_URL'] = cluster.url
  return async () => {
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * A database without rows that has the tables of the store and of the queue: a copy of it takes a tenth of the CPU time
 * that making them takes.
 * @returns how to drop it
 */
async function makeTemplate(): Promise<() => Promise<void>> {
  const name = `sweep_template_${randomBytes(6).toString('hex')}`
  await asServer(`create database ${name}`)
  const url = urlOf(name)
  const database = openDatabase({ url, applicationName: 'sweep-test', max: 1 })
  await migrate(database)
  const queue = openTicketQueue({ databaseUrl: url })
  await queue.check()
  // A copy can be made only of what nobody is connected to.
  await Promise.all([database.close(), queue.close()])
  process.env['SWEEP_TEST_TEMPLATE'] = name
  return () => asServer(`drop database ${name} with (force)`)
}
