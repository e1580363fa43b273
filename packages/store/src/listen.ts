import pg from 'pg'
import { connectionConfig, type Database, type Queryable } from './database.ts'
import { storeError } from './store-error.ts'

export const CHANNELS = ['sweep_changed', 'attempts_queued', 'attempt_stop', 'agent_changed'] as const
export type Channel = (typeof CHANNELS)[number]

export interface Listener {
  close(): Promise<void>
}

export interface ListenOptions {
  readonly channels: readonly Channel[]
  readonly onNotify: (channel: Channel, payload: string) => void
  /** After every connect, the first one too: whatever was sent in between is lost, so look at everything again. */
  readonly onReconnect: () => void
  /** Told why a connection was lost or could not be made. */
  readonly onError?: (error: Error) => void
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2000
/** A connection that says nothing may be dead without either end knowing; a query now and then finds out. */
const PROBE_MS = 10_000

/**
 * Listens on a connection of its own, and connects again with backoff for as long as it is not closed. Resolves once
 * the first connection listens; throws `unavailable` when that can't be made.
 */
export async function listen(database: Database, options: ListenOptions): Promise<Listener> {
  const listener = new ReconnectingListener(database, options)
  await listener.start()
  return listener
}

class ReconnectingListener implements Listener {
  readonly #database: Database
  readonly #options: ListenOptions
  #client: pg.Client | undefined
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #waitMs = FIRST_WAIT_MS

  constructor(database: Database, options: ListenOptions) {
    this.#database = database
    this.#options = options
  }

  async start(): Promise<void> {
    try {
      await this.#connect()
    } catch (error) {
      throw storeError(error)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#client?.end().catch(() => undefined)
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({ ...connectionConfig(this.#database.options), query_timeout: 5000 })
    client.on('error', (error) => this.#options.onError?.(error))
    client.on('notification', ({ channel, payload }) => {
      const known = this.#options.channels.find((name) => name === channel)
      if (known !== undefined) this.#options.onNotify(known, payload ?? '')
    })
    try {
      await client.connect()
      await client.query(this.#options.channels.map((channel) => `listen ${channel}`).join('; '))
    } catch (error) {
      await client.end().catch(() => undefined)
      throw error
    }
    if (this.#closed) return client.end()
    this.#client = client
    this.#waitMs = FIRST_WAIT_MS
    client.once('end', () => this.#reconnectLater())
    this.#probeLater(client)
    this.#options.onReconnect()
  }

  #probeLater(client: pg.Client): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      // A reply that doesn't come in time destroys the connection, which ends it, which connects again.
      client.query('select 1').then(
        () => this.#probeLater(client),
        (error: Error) => {
          this.#options.onError?.(error)
          void client.end().catch(() => undefined)
        },
      )
    }, PROBE_MS)
    this.#timer.unref()
  }

  #reconnectLater(): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#connect().catch((error: Error) => {
        this.#options.onError?.(error)
        this.#reconnectLater()
      })
    }, this.#waitMs)
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS)
  }
}

const NOTIFY = { name: 'notify', text: 'select pg_notify($1, payload) from unnest($2::text[]) as list (payload)' }

/** Payloads: sweep ids (`sweep_changed`), queue names (`attempts_queued`), agent ids (`attempt_stop`, `agent_changed`). */
export async function notify(database: Queryable, channel: Channel, payloads: readonly string[]): Promise<void> {
  if (payloads.length === 0) return
  await database.query(NOTIFY, [channel, payloads])
}
