import { type BackendFactory, createRedisBackend } from 'bullmq'
import type { QueueBackend } from './queue-backend.ts'
import { redisConnection } from './redis-connection.ts'

const COMMAND_MS = 2000

/**
 * BullMQ on Redis, one connection for all queues.
 *
 * @param url `redis://` or `rediss://`
 */
export function redisBackend(url: string): QueueBackend {
  const { client, name, ready } = redisConnection(url, COMMAND_MS)
  // Each BullMQ object on the connection adds listeners of its own.
  client.setMaxListeners(0)

  // Without the second, blocking connection that BullMQ gives a worker for each queue; see `TicketWait`.
  const factory: BackendFactory = (queue, opts) => createRedisBackend(queue, { ...opts, connection: client })

  return {
    name,
    factory,
    wayToAdd: (count) => (count < 2 ? 'single' : 'bulk'),
    ready,
    close: async () => {
      client.disconnect()
    },
  }
}
