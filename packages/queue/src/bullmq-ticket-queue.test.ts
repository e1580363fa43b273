import { createServer } from 'node:net'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { hasRedis, TestRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts'
import { openTicketQueue } from './bullmq-ticket-queue.ts'
import { attempt, ticket, ticketQueueContract, untilWorks } from './ticket-queue-contract.ts'

describe('on Postgres', () => {
  let database: TestDatabase

  beforeAll(async () => {
    database = await testDatabase({ migrated: false })
  })

  afterAll(async () => {
    await database.drop()
  })

  const query = async (sql: string) => {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }

  ticketQueueContract('Postgres', () => ({
    open: () => openTicketQueue({ databaseUrl: database.url }),
    disconnectAll: async () => {
      await query(`select pg_terminate_backend(pid) from pg_stat_activity
                    where application_name = 'sweep-queue' and datname = current_database()`)
    },
  }))

  test('tables are made at first use, by eight processes at once, after a start without a database', async () => {
    const url = new URL(database.url)
    url.pathname += '_late'
    const name = url.pathname.slice(1)
    const queues = Array.from({ length: 8 }, () => openTicketQueue({ databaseUrl: url.href }))
    try {
      await expect(queues[0]?.add([ticket('late', 1)])).rejects.toMatchObject({ code: 'unavailable', retryable: true })
      await query(`create database ${name}`)
      await Promise.all(queues.map((queue, index) => untilWorks(() => queue.add([ticket('late', index + 1)]))))
      expect(await queues[0]?.take('late', 9)).toHaveLength(8)
    } finally {
      await Promise.all(queues.map((queue) => queue.close()))
      await query(`drop database if exists ${name} with (force)`)
    }
  })

  test('nothing is left behind in the tables but the last events', async () => {
    const queue = openTicketQueue({ databaseUrl: database.url })
    await queue.add(Array.from({ length: 30 }, (_, index) => ticket('clean', index + 1)))
    await queue.take('clean', 40)
    expect((await query(`select 1 from bullmq.job where queue = 'clean'`)).rowCount).toBe(0)
    await queue.close()
  })

  test('a namespace keeps two installations in one database apart', async () => {
    const a = openTicketQueue({ databaseUrl: database.url, namespace: 'a' })
    const b = openTicketQueue({ databaseUrl: database.url, namespace: 'b' })
    await a.add([ticket('shared', 1)])
    expect(await b.take('shared', 1)).toEqual([])
    expect(await a.take('shared', 1)).toEqual([attempt(1)])
    await Promise.all([a.close(), b.close()])
  })
})

const redisIsHere = hasRedis()
describe.skipIf(!redisIsHere)(redisIsHere ? 'on Redis' : `on Redis (${WITHOUT_REDIS})`, () => {
  let redis: TestRedis

  beforeAll(async () => {
    redis = await TestRedis.start({ appendOnly: false })
  })

  afterAll(async () => {
    redis.signal('SIGCONT')
    await redis.remove()
  })

  ticketQueueContract('Redis', () => ({
    open: () => openTicketQueue({ redisUrl: redis.url }),
    disconnectAll: async () => {
      const client = new Redis(redis.url)
      await client.call('client', 'kill', 'type', 'normal')
      client.disconnect()
    },
  }))

  test('a Redis that is killed loses its tickets, fails calls at once, and works when it is back', async () => {
    const queue = openTicketQueue({ redisUrl: redis.url })
    await queue.add([ticket('lost', 1)])
    await redis.kill()
    await expect(queue.add([ticket('lost', 2)])).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    await expect(queue.take('lost', 1)).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    await redis.start()
    await untilWorks(() => queue.add([ticket('lost', 3)]))
    expect(await queue.take('lost', 9)).toEqual([attempt(3)])
    await queue.close()
  }, 20_000)

  test('a queue opened while Redis is away works once it is there', async () => {
    await redis.kill()
    const queue = openTicketQueue({ redisUrl: redis.url })
    await expect(queue.check()).rejects.toMatchObject({ code: 'unavailable' })
    await redis.start()
    await untilWorks(() => queue.check())
    await queue.close()
  }, 20_000)

  test('a Redis that hangs fails calls within seconds, and does not hold up closing', async () => {
    const queue = openTicketQueue({ redisUrl: redis.url })
    await queue.check()
    redis.signal('SIGSTOP')
    try {
      await expect(queue.take('frozen', 1)).rejects.toMatchObject({ code: 'unavailable' })
      await queue.close()
    } finally {
      redis.signal('SIGCONT')
    }
  }, 20_000)

  test('an address at which something else listens gives an error that names it, without the password', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const queue = openTicketQueue({ redisUrl: `redis://user:hunter2@127.0.0.1:${port}` })
    const error = await queue.check().catch((thrown: unknown) => String(thrown))
    expect(error).toContain(`Redis at 127.0.0.1:${port}`)
    expect(error).not.toContain('hunter2')
    await queue.close()
    server.close()
  }, 20_000)
})
