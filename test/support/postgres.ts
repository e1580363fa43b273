import { randomBytes } from 'node:crypto'
import { type Database, openDatabase } from '@sweep/store/database'
import { migrate } from '@sweep/store/migrate'
import pg from 'pg'

export interface TestDatabase {
  readonly database: Database
  /** For processes that a test starts. */
  readonly url: string
  /** Drops the database, whoever is still connected, and closes the pool. */
  drop(): Promise<void>
}

/**
 * A fresh, migrated database on the test server, for one test file: `beforeAll` makes it, `afterAll` drops it. A
 * database rather than a schema, because notifications reach every listener of a database.
 */
export async function testDatabase(
  options: {
    migrated?: boolean
    max?: number
    /** A database of the test server that nobody is connected to, to begin with a copy of. */
    template?: string
  } = {},
): Promise<TestDatabase> {
  const name = `sweep_test_${randomBytes(6).toString('hex')}`
  const template = options.template ?? (options.migrated === false ? undefined : process.env['SWEEP_TEST_TEMPLATE'])
  await asServer(`create database ${name}${template === undefined ? '' : ` template ${template}`}`)
  const url = urlOf(name)
  const database = openDatabase({ url, applicationName: 'sweep-test', max: options.max })
  if (options.migrated !== false && template === undefined) await migrate(database)
  return {
    database,
    url,
    async drop() {
      await database.close()
      await asServer(`drop database if exists ${name} with (force)`)
    },
  }
}

function serverUrl(): string {
  return process.env['SWEEP_TEST_DATABASE_URL'] ?? 'postgres://sweep@127.0.0.1:54320/sweep'
}

export function urlOf(database: string): string {
  const url = new URL(serverUrl())
  url.pathname = `/${database}`
  return url.href
}

export async function asServer(statement: string): Promise<void> {
  const client = new pg.Client(serverUrl())
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
