import type { BackendFactory } from 'bullmq'

/** What BullMQ needs of Redis or of Postgres: where its commands go, and whether they would arrive. */
export interface QueueBackend {
  /** For messages, such as `Redis at 127.0.0.1:6379`. Never holds a password. */
  readonly name: string
  readonly factory: BackendFactory
  /**
   * From how many tickets on one bulk command beats single ones. On Postgres a bulk insert makes temporary tables:
   * measured 4 ms whatever the size, against 0.5 ms for a single add.
   */
  readonly bulkFrom: number
  /** Returns once commands can be sent; throws at once, or within seconds at the first connect, when they can't. */
  ready(): Promise<void>
  close(): Promise<void>
}
