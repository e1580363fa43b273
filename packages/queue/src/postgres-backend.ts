import { type BackendFactory, createPostgresBackend, runMigrations } from 'bullmq'
import pg from 'pg'
import type { QueueBackend } from './queue-backend.ts'

/** BullMQ looks for its tables here, whatever else the database holds. */
const SCHEMA = 'bullmq'

/**
 * A bulk insert makes temporary tables, which takes 4 to 9 ms whatever its size and leaves dead rows in the catalog; a
 * flow takes 1 ms and 0.14 ms a ticket, single commands 0.5 ms each. Measured with 1 to 64 tickets on Postgres 18.
 */
const LARGEST_FLOW = 64

/**
 * BullMQ's tables in Postgres, one pool for all queues. Commits are not waited for (`synchronous_commit = off`): a
 * ticket is a hint, and one lost in a crash of Postgres is added again by the controller.
 *
 * @param url of the database
 */
export function postgresBackend(url: string): QueueBackend {
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    connectionTimeoutMillis: 5000,
    query_timeout: 5000,
    keepAlive: true,
    application_name: 'sweep-queue',
    options: `-c search_path=${SCHEMA} -c synchronous_commit=off`,
  })
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', () => {})
  // Each BullMQ object on the pool adds a listener of its own: two a queue.
  pool.setMaxListeners(0)
  let migrated: Promise<void> | undefined

  // BullMQ would open one more connection per worker to listen on; we never block, so it isn't asked to.
  const factory: BackendFactory = (name, opts) => createPostgresBackend(name, { ...opts, connection: pool })

  return {
    name: `Postgres at ${hostOf(url)}`,
    factory,
    wayToAdd: (count) => (count < 2 ? 'single' : count <= LARGEST_FLOW ? 'flow' : 'bulk'),
    async ready() {
      migrated ??= migrate(pool)
      try {
        await migrated
      } catch (error) {
        migrated = undefined
        throw error
      }
    },
    close: () => pool.end(),
  }
}

async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    // Has its own advisory lock and transaction, and returns at once when there is nothing to do.
    await runMigrations(client, SCHEMA)
    client.release()
  } catch (error) {
    client.release(true)
    throw error
  }
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host || 'a local socket' : 'the given address'
}
