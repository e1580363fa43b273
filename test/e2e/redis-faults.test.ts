import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { hasRedis, TestRedis, WITHOUT_REDIS } from '../support/redis.ts'
import { TestServer, waitFor } from '../support/server.ts'
import { createSweep, finished, getSweep } from '../support/sweeps.ts'
import { expectAllReports, TEN_TRIALS } from '../support/ten-trials.ts'

/** What can happen to a Redis in the middle of a sweep. Each must cost time and nothing else. */
const REDIS_FAULTS: Readonly<Record<string, (redis: TestRedis) => Promise<void>>> = {
  'is emptied by FLUSHALL, twice': async (redis) => {
    await redis.flushAll()
    await sleep(3000)
    await redis.flushAll()
  },
  'is killed and comes back empty': async (redis) => {
    await redis.kill()
    await redis.start()
  },
  'is gone for a minute': async (redis) => {
    await redis.kill()
    await sleep(60_000)
    await redis.start()
  },
}

describe.skipIf(!hasRedis())(`tickets on Redis${hasRedis() ? '' : ` (${WITHOUT_REDIS})`}`, () => {
  test.concurrent.each(Object.entries(REDIS_FAULTS))(
    'a sweep whose Redis %s completes',
    async (_name, fault) => {
      const redis = await TestRedis.start({ appendOnly: false })
      const server = await TestServer.start({ slots: 3, env: { REDIS_URL: redis.url } })
      try {
        const id = await createSweep(server, TEN_TRIALS)
        await waitFor(async () => (await getSweep(server, id)).trials.running === 3)
        await fault(redis)
        expect((await finished(server, id)).trials).toMatchObject({ completed: 10, failed: 0 })
        await expectAllReports(server, id)
      } finally {
        await server.remove()
        await redis.remove()
      }
    },
    200_000,
  )
})
