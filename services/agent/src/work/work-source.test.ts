import type { AgentCondition } from '@sweep/spec/wire/agent-protocol'
import pino from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { hasRedis, TestRedis, WITHOUT_REDIS } from '../../../../test/support/redis.ts'
import { newPool } from '../../../api/src/testing/agent-calls.ts'
import { type TestAgent, type TestApi, TestController, testApi } from '../../../api/src/testing/test-api.ts'
import { HttpClient } from '../server/http-client.ts'
import { ServerApi } from '../server/server-api.ts'
import { OFFER, workSourceContract } from './testing/work-source-contract.ts'
import { WorkSources } from './work-sources.ts'

const isHere = hasRedis()
describe.skipIf(!isHere)(isHere ? 'where work comes from' : `where work comes from (${WITHOUT_REDIS})`, () => {
  let redis: TestRedis
  let api: TestApi
  let controller: TestController
  const cleanups: (() => void)[] = []

  beforeAll(async () => {
    redis = await TestRedis.start({ appendOnly: false })
    api = await testApi({ agentRedisUrl: redis.url }, redis.url)
    controller = new TestController(api)
  })
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })
  afterAll(async () => {
    await api.close()
    await redis.remove()
  })

  const lines: string[] = []
  let condition: AgentCondition | undefined
  async function open(agent: TestAgent, claim: 'auto' | 'http', of = api): Promise<WorkSources> {
    const http = new HttpClient(of.api.url, agent.token)
    const server = new ServerApi(http)
    server.use(agent.id, agent.token)
    const slots = [{ index: 0 }, { index: 1 }]
    const log = pino({ level: 'info' }, { write: (line) => lines.push(line) })
    const steady = () => performance.now()
    const onCondition = (now: AgentCondition) => (condition = now)
    const sources = new WorkSources({ api: server, claim, owner: agent.id, slots, steady, onCondition, log })
    cleanups.push(() => {
      sources.close()
      http.close()
    })
    await sources.open()
    return sources
  }

  const setup = (claim: 'auto' | 'http') => () => ({
    ...{ api, controller },
    open: (agent: TestAgent) => open(agent, claim),
  })
  workSourceContract('over HTTP', setup('http'))
  workSourceContract('from the queue', setup('auto'))

  const never = new AbortController().signal
  /** How the agents of a pool have claimed what they have. */
  const claims = (how: string) => lines.filter((line) => line.includes(how)).length

  test('an agent claims over HTTP while Redis is away, and from the queue when it is back', async () => {
    const { agent, sweepId } = await newPool(api)
    const source = await open(agent, 'auto')
    expect(condition).toEqual({ claims: 'queue' })
    const waiting = source.claim(OFFER, 15_000, never)
    await redis.kill()
    await redis.start()
    await vi.waitFor(() => controller.issue(sweepId, 1), { timeout: 10_000, interval: 50 })
    expect(await waiting).toHaveLength(1)
    expect(condition).toMatchObject({ claims: 'http', queueTrouble: expect.stringContaining("doesn't answer") })
    expect(claims('the queue does not answer; claiming over HTTP until it does')).toBeGreaterThan(0)
    const before = claims('claiming from the queue')
    await vi.waitFor(() => expect(claims('claiming from the queue')).toBeGreaterThan(before), { timeout: 10_000 })
    expect(condition).toEqual({ claims: 'queue' })
  }, 30_000)

  test('an agent that cannot reach Redis says so and claims over HTTP', async () => {
    const closed = await testApi({ agentRedisUrl: 'redis://127.0.0.1:1' }, redis.url)
    try {
      const pool = await newPool(closed)
      const source = await open(pool.agent, 'auto', closed)
      expect(claims('the queue cannot be used from here; claiming over HTTP')).toBe(1)
      expect(condition).toMatchObject({ claims: 'http', queueTrouble: expect.stringContaining('127.0.0.1:1') })
      await new TestController(closed).issue(pool.sweepId, 1)
      expect(await source.claim(OFFER, 15_000, never)).toHaveLength(1)
    } finally {
      await closed.close()
    }
  })
})
