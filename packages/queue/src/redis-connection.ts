import { Redis } from 'ioredis'

const FIRST_CONNECT_MS = 3000

export interface RedisConnection {
  readonly client: Redis
  /** For messages, such as `Redis at 127.0.0.1:6379`. Never holds a password. */
  readonly name: string
  /** Returns once commands can be sent; throws at once, or within seconds at the first connect, when they can't. */
  ready(): Promise<void>
}

/**
 * A connection to Redis that is made when first used and made again when lost. Commands fail at once while Redis is away,
 * instead of piling up in memory until it is back: the tickets in them would be old news by then.
 *
 * @param url `redis://` or `rediss://`
 * @param commandTimeout milliseconds; undefined for a connection whose commands wait
 */
export function redisConnection(url: string, commandTimeout: number | undefined): RedisConnection {
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: FIRST_CONNECT_MS,
    ...(commandTimeout === undefined ? {} : { commandTimeout }),
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 5), 1000),
  })
  let lastError: Error | undefined
  client.on('error', (error: Error) => {
    lastError = error
  })
  return {
    client,
    name: `Redis at ${client.options.host}:${client.options.port}`,
    async ready() {
      if (client.status === 'ready') return
      if (client.status === 'wait') {
        try {
          await client.connect()
          return
        } catch (error) {
          // The client goes on trying by itself. It says only that the connection is closed, but told before why.
          throw lastError ?? error
        }
      }
      if (client.status === 'connecting' || client.status === 'connect') {
        await settled(client)
        if ((client.status as string) === 'ready') return
      }
      throw lastError ?? new Error('the connection is down')
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
