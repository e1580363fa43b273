import { type BackendFactory, createRedisBackend } from 'bullmq'
import { Redis } from 'ioredis'
import type { QueueBackend } from './queue-backend.ts'

const FIRST_CONNECT_MS = 3000

/**
 * BullMQ on Redis, one connection for all queues. Commands fail at once while Redis is away, instead of piling up in
 * memory until it is back: the tickets in them would be old news by then.
 *
 * @param url `redis://` or `rediss://`
 */
export function redisBackend(url: string): QueueBackend {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: FIRST_CONNECT_MS,
    commandTimeout: 2000,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1000),
  })
  let lastError: Error | undefined
  client.on('error', (error: Error) => {
    lastError = error
  })
  // Each BullMQ object on the connection adds listeners of its own.
  client.setMaxListeners(0)

  // Without the second, blocking connection that BullMQ gives a worker: we never block.
  const factory: BackendFactory = (name, opts) => createRedisBackend(name, { ...opts, connection: client })

  return {
    name: `Redis at ${client.options.host}:${client.options.port}`,
    factory,
    wayToAdd: (count) => (count < 2 ? 'single' : 'bulk'),
    async ready() {
      if (client.status === 'ready') return
      if (client.status === 'wait') {
        // Rejects when the first try fails; the client goes on trying by itself.
        await client.connect()
        return
      }
      if (client.status === 'connecting' || client.status === 'connect') {
        await settled(client)
        if ((client.status as string) === 'ready') return
      }
      throw lastError ?? new Error('the connection is down')
    },
    close: async () => {
      client.disconnect()
    },
  }
}

/** Waits until the try to connect that is under way has come out one way or the other. */
async function settled(client: Redis): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer)
      client.off('ready', done)
      client.off('close', done)
      resolve()
    }
    const timer = setTimeout(done, FIRST_CONNECT_MS)
    client.on('ready', done)
    client.on('close', done)
  })
}
