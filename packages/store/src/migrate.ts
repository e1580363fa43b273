import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SweepError } from '@sweep/spec/errors'
import pg from 'pg'
import { connectionConfig, type Database } from './database.ts'
import { storeError } from './store-error.ts'

/** Any number, the same in every release: whoever holds this advisory lock migrates. */
const LOCK = 7_366_501

/** In the source tree beside `src`, in a bundle beside the bundle. */
const FOLDERS = ['../migrations/', './migrations/']

/**
 * Brings the schema up to this release: every migration that is missing, one transaction each, under an advisory lock,
 * so that several services may start at once. Numbers give the order and no more: a gap is a migration that was given up
 * before it was merged, and one that is merged late under a lower number is applied late. Throws `conflict` when the
 * schema is of a newer release.
 * @returns the names of the migrations that were applied
 */
export async function migrate(database: Database): Promise<string[]> {
  const files = await migrationFiles()
  // A connection of its own: migrations may take longer, and wait longer for locks, than anything else may.
  const client = new pg.Client({ ...connectionConfig(database.options), query_timeout: undefined })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query(`set lock_timeout = 0`)
    await client.query('select pg_advisory_lock($1)', [LOCK])
    const schema = database.options.schema
    if (schema !== undefined) await client.query(`create schema if not exists ${client.escapeIdentifier(schema)}`)
    await client.query(
      `create table if not exists schema_migrations (name text primary key, at timestamptz not null default now())`,
    )
    const applied = await client.query<{ name: string }>('select name from schema_migrations order by name')
    const done = new Set(applied.rows.map((row) => row.name))
    refuseNewer(done, new Set(files.map((file) => file.name)))
    const missing = files.filter((file) => !done.has(file.name))
    for (const file of missing) await apply(client, file)
    return missing.map((file) => file.name)
  } catch (error) {
    throw storeError(error)
  } finally {
    // Closing the session gives the lock back.
    await client.end().catch(() => undefined)
  }
}

/** Name of the newest migration that the database has; null before the first. */
export async function newestMigration(database: Database): Promise<string | null> {
  const found = await database.query<{ name: string | null }>('select max(name) as name from schema_migrations')
  return found.rows[0]?.name ?? null
}

interface Migration {
  readonly name: string
  readonly text: string
}

async function migrationFiles(): Promise<Migration[]> {
  const folder = FOLDERS.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) => existsSync(path))
  if (folder === undefined) throw new Error('the folder of migrations is missing from this installation')
  const names = (await readdir(folder)).filter((name) => /^\d{4}_\w+\.sql$/.test(name)).sort()
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(`${folder}/${name}`, 'utf8') })))
}

function refuseNewer(done: ReadonlySet<string>, known: ReadonlySet<string>): void {
  const newer = [...done].filter((name) => !known.has(name))
  if (newer.length === 0) return
  throw new SweepError('conflict', `The database was migrated by a newer release of sweep (${newer.join(', ')}).`, {
    hint: 'Run that release, or a newer one; going back needs a backup from before the upgrade.',
  })
}

async function apply(client: pg.Client, file: Migration): Promise<void> {
  try {
    await client.query('begin')
    await client.query(file.text)
    await client.query('insert into schema_migrations (name) values ($1)', [file.name])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => undefined)
    throw error
  }
}
