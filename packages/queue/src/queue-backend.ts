import type { BackendFactory } from 'bullmq'

/** Of the keys in Redis. */
export const QUEUE_PREFIX = 'sweep'

/** One command a ticket; a flow without dependencies, which is one command row by row; or one bulk command. */
export type WayToAdd = 'single' | 'flow' | 'bulk'

/** What BullMQ needs of Redis or of Postgres: where its commands go, and whether they would arrive. */
export interface QueueBackend {
  /** For messages, such as `Redis at 127.0.0.1:6379`. Never holds a password. */
  readonly name: string
  readonly factory: BackendFactory
  /** The cheapest way to add this many tickets to a queue in their order. */
  wayToAdd(count: number): WayToAdd
  /** Returns once commands can be sent; throws at once, or within seconds at the first connect, when they can't. */
  ready(): Promise<void>
  close(): Promise<void>
}
