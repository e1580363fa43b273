import pg from 'pg'
import { storeError, wantsRetry } from './store-error.ts'

export type Row = Record<string, unknown>

export interface Statement {
  /** Prepared once per connection under this name; the text of a name never changes. */
  readonly name: string
  readonly text: string
}

/** Something statements can be sent to: the pool, or one transaction. */
export interface Queryable {
  query<R extends object = Row>(statement: Statement | string, values?: readonly unknown[]): Promise<pg.QueryResult<R>>
}

export interface DatabaseOptions {
  readonly url: string
  /** Schema in which everything lives; `public` when absent. */
  readonly schema?: string
  /** Most connections in the pool; 10 when absent. */
  readonly max?: number
  readonly applicationName: string
  /** Told of errors on idle connections, which are replaced by themselves. */
  readonly onError?: (error: Error) => void
}

/**
 * A pool of connections to Postgres. Everything that goes wrong with a connection is thrown as `SweepError` with code
 * `unavailable`, here and nowhere else.
 */
export interface Database extends Queryable {
  readonly pool: pg.Pool
  readonly options: DatabaseOptions
  /** Runs `work` in one transaction, again (a few times) when Postgres breaks a deadlock or refuses to serialize. */
  tx<T>(work: (tx: Queryable) => Promise<T>): Promise<T>
  close(): Promise<void>
}

const TX_TRIES = 5
/** How long a connection keeps the plans of its statements: what was planned for few rows is slow for many. */
const REPLAN_MS = 30_000

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool(connectionConfig(options))
  let closing: Promise<void> | undefined
  const tell = (error: Error) => {
    // The pool ends before its sockets do: what cuts them then is no loss.
    if (closing === undefined) options.onError?.(error)
  }
  pool.on('error', tell)
  // The pool hears only idle connections. One that is cut while in use fails its statements, but it also emits the
  // error, and an error that nobody hears ends the process.
  pool.on('connect', (client) => client.on('error', tell))
  const plannedAt = new WeakMap<pg.PoolClient, number>()
  pool.on('acquire', (client) => {
    const now = performance.now()
    const since = plannedAt.get(client)
    if (since === undefined || now - since > REPLAN_MS) plannedAt.set(client, now)
    // Sent ahead of what it is acquired for. One that fails fails that too, and says so there.
    if (since !== undefined && now - since > REPLAN_MS) client.query('discard plans').catch(() => undefined)
  })
  async function connect(): Promise<pg.PoolClient> {
    try {
      return await pool.connect()
    } catch (error) {
      throw storeError(error)
    }
  }

  async function once<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
    const client = await connect()
    let broken = false
    try {
      // Sent without waiting: statements are pipelined, so `begin` costs no round trip of its own.
      const begun = client.query('begin')
      begun.catch(() => undefined)
      const result = await work(queryable(client))
      await begun
      const committed = await client.query('commit')
      if (committed.command !== 'COMMIT') throw new Error('the transaction had failed before it was committed')
      return result
    } catch (error) {
      await client.query('rollback').catch(() => {
        broken = true
      })
      throw error
    } finally {
      client.release(broken)
    }
  }

  return {
    pool,
    options,
    query: queryable(pool).query,
    async tx(work) {
      for (let tried = 1; ; tried += 1) {
        try {
          return await once(work)
        } catch (error) {
          if (tried === TX_TRIES || !wantsRetry(error)) throw storeError(error)
          await new Promise((resolve) => setTimeout(resolve, tried * 5))
        }
      }
    },
    close() {
      closing ??= pool.end()
      return closing
    },
  }
}

/**
 * Every statement of ours reaches a few rows through an index, and is prepared once. Left to itself the planner plans
 * anew for every call (which takes longer than running it), and reads or sorts whole tables that were small when it last
 * looked, such as those of a sweep that is a minute old.
 *
 * Even so it may start a join from the wrong end, or meet an `order by` by walking the index of a whole table. What looks up
 * several rows at once therefore reads `from unnest($1) n cross join lateral (select … where id = n.id offset 0)`: a
 * subquery with `offset 0` is never merged into what is around it, so it is run once for each `n`, in their order. Only the
 * key stands in there: with a condition more, another index may look just as good.
 */
const PLANNER = [
  '-c plan_cache_mode=force_generic_plan',
  '-c enable_seqscan=off',
  '-c enable_bitmapscan=off',
  '-c enable_sort=off',
  '-c enable_hashjoin=off',
  '-c enable_mergejoin=off',
  '-c jit=off',
]

/** How every connection of ours is made; also for those outside the pool (LISTEN, migrations). */
export function connectionConfig(options: DatabaseOptions): pg.PoolConfig {
  const path = options.schema === undefined ? [] : [`-c search_path=${options.schema}`]
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.max ?? 10,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    // A reply that doesn't come (a partition, a stopped server) must not hold its caller forever.
    query_timeout: 30_000,
    // A process that is stopped (SIGSTOP, a paused VM) in a transaction must not keep the sweep's lock.
    options: [...path, '-c idle_in_transaction_session_timeout=10000', '-c lock_timeout=15000', ...PLANNER].join(' '),
    pipeline: true,
    types: { getTypeParser },
  }
}

/** Counts, offsets and keys stay far below 2^53, so int8 is a number for us. */
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format as 'text')

function queryable(target: pg.Pool | pg.PoolClient): Queryable {
  return {
    async query<R extends object>(statement: Statement | string, values: readonly unknown[] = []) {
      const config = typeof statement === 'string' ? { text: statement } : statement
      try {
        return await target.query<R & pg.QueryResultRow>({ ...config, values: [...values] })
      } catch (error) {
        throw target instanceof pg.Pool ? storeError(error) : error
      }
    },
  }
}
