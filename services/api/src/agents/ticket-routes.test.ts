import { randomBytes } from 'node:crypto'
import { AttemptId } from '@sweep/spec/ids'
import { ClaimReply, QueueAccess } from '@sweep/spec/wire/agent-protocol'
import { getAttempt } from '@sweep/store/attempt-record'
import { Redis } from 'ioredis'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis, TestRedis, WITHOUT_REDIS } from '../../../../test/support/redis.ts'
import { readSettings } from '../settings.ts'
import { newPool } from '../testing/agent-calls.ts'
import {
  createTestSweep,
  registerTestAgent,
  SWEEP_YAML,
  type TestAgent,
  type TestApi,
  TestController,
  testApi,
} from '../testing/test-api.ts'
import { AgentUsers } from './agent-users.ts'

const REDIS_URL = 'redis://agents:secret@redis.test:6379'
let api: TestApi
let controller: TestController
beforeAll(async () => {
  api = await testApi({ agentRedisUrl: REDIS_URL })
  controller = new TestController(api)
})
afterAll(() => api.close())

const access = async (who: TestAgent, of = api) =>
  QueueAccess.parse((await of.call('POST', `/agents/${who.id}/queue-access`, { token: who.token })).body)

const take = (who: TestAgent, attempts: readonly string[], token = who.token) =>
  api.call('POST', `/agents/${who.id}/claim-tickets`, { token, body: { attempts } })

test('an agent is told the queues of its own pools that it can serve', async () => {
  const [own, others] = [await newPool(api), await newPool(api)]
  for (const more of [
    'resources: {cpus: 2}',
    'requires: {labels: {zone: b}}',
    'launcher: docker\ncontainer: {image: a}',
  ])
    await createTestSweep(api, `${SWEEP_YAML}queue: ${own.queue}\n${more}\n`)
  await createTestSweep(api, `${SWEEP_YAML}queue: ${others.queue}\nresources: {cpus: 3}\n`)
  expect(await access(own.agent)).toEqual({
    redisUrl: REDIS_URL,
    queues: [
      { name: `sweep-${own.queue}-any`, shape: {} },
      { name: `sweep-${own.queue}-c2`, shape: { cpus: 2 } },
    ],
  })
})

test('what an agent says of how it works is shown until it registers again', async () => {
  const { agent } = await newPool(api)
  const shown = async () => (await api.call('GET', '/agents', { token: api.tokens.viewer })).body
  const condition = { claims: 'http', queueTrouble: 'no route to redis.test' }
  const tell = (token: string) => api.call('POST', `/agents/${agent.id}/condition`, { token, body: condition })
  expect((await tell(api.tokens.join)).status).toBe(403)
  expect(JSON.stringify(await shown())).not.toContain('no route')
  expect((await tell(agent.token)).status).toBe(200)
  expect(await shown()).toMatchObject({
    agents: expect.arrayContaining([expect.objectContaining({ id: agent.id, condition })]),
  })
  const again = { name: 'agent', host: 'host', slots: [{ index: 0 }], cpus: 1, memoryBytes: 1, version: '1.2.3' }
  const body = { ...again, agentId: agent.id, queues: ['default'], launchers: ['process'] }
  expect((await api.call('POST', '/agents', { token: agent.token, body })).status).toBe(200)
  expect(JSON.stringify(await shown())).not.toContain('no route')
})

test('without SWEEP_AGENT_REDIS_URL no agent is let in', async () => {
  const closed = await testApi()
  try {
    expect(await access(await registerTestAgent(closed), closed)).toEqual({ queues: [] })
  } finally {
    await closed.close()
  }
})

test('an address for agents is refused where the server has no Redis itself', () => {
  const env = { DATABASE_URL: 'postgres://db/sweep', SWEEP_AGENT_REDIS_URL: REDIS_URL }
  expect(() => readSettings(env, '1.2.3')).toThrow(/a Redis that this server does not use/)
  expect(readSettings({ ...env, REDIS_URL: 'redis://redis:6379' }, '1.2.3').agentRedisUrl).toBe(REDIS_URL)
})

test('exactly the attempts that are named are claimed, each once', async () => {
  const { agent, sweepId } = await newPool(api)
  const [first = '', second = ''] = await controller.issue(sweepId, 2)
  const claim = async () => ClaimReply.parse((await take(agent, [second])).body).assignments
  expect((await claim()).map((one) => [one.attemptId, one.epoch])).toEqual([[second, 1]])
  expect(await claim()).toEqual([])
  expect(await getAttempt(api.database, AttemptId.parse(first))).toMatchObject({ state: 'queued' })
})

test('attempts of a pool that the agent does not serve are refused, with all that came along', async () => {
  const [own, others] = [await newPool(api), await newPool(api)]
  const [mine = ''] = await controller.issue(own.sweepId, 1)
  const [theirs = ''] = await controller.issue(others.sweepId, 1)
  expect(await take(own.agent, [mine, theirs])).toMatchObject({ status: 403, body: { code: 'forbidden' } })
  expect(ClaimReply.parse((await take(others.agent, [theirs])).body).assignments).toHaveLength(1)
  expect(ClaimReply.parse((await take(own.agent, [mine])).body).assignments).toHaveLength(1)
})

test('attempts that need a label or a launcher which the agent lacks are refused', async () => {
  const { agent, queue } = await newPool(api)
  for (const more of ['requires: {labels: {zone: b}}', 'launcher: docker\ncontainer: {image: a}']) {
    const sweepId = await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\n${more}\n`)
    expect((await take(agent, await controller.issue(sweepId, 1))).status).toBe(403)
  }
})

test("an agent's tickets are claimed with its own token alone", async () => {
  const [own, others] = [await newPool(api), await newPool(api)]
  const ids = await controller.issue(own.sweepId, 1)
  expect((await take(own.agent, ids, others.agent.token)).status).toBe(403)
  expect((await take(own.agent, ids, api.tokens.join)).status).toBe(403)
})

test('attempts of a sweep that is not there are gone', async () => {
  const { agent } = await newPool(api)
  expect((await take(agent, ['0123456789-1-1'])).body).toEqual({ assignments: [] })
})

test('an agent is told of a new queue as soon as the first ticket is there', async () => {
  const { agent, queue } = await newPool(api)
  const response = await fetch(`${api.api.url}/api/v1/agents/${agent.id}/stream`, {
    headers: { authorization: `Bearer ${agent.token}` },
  })
  const sweepId = await createTestSweep(api, `${SWEEP_YAML}queue: ${queue}\nresources: {cpus: 1.5}\n`)
  await controller.issue(sweepId, 1)
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString()
    if (text.includes('event: queues') && text.endsWith('\n\n')) break
  }
  expect(text).toContain(`{"name":"sweep-${queue}-c1.5","shape":{"cpus":1.5}}`)
})

const redisIsHere = hasRedis()
describe.skipIf(!redisIsHere)(`users of Redis for agents${redisIsHere ? '' : ` (${WITHOUT_REDIS})`}`, () => {
  let redis: TestRedis
  let own: TestApi
  beforeAll(async () => {
    redis = await TestRedis.start({ appendOnly: false })
    own = await testApi({ agentRedisUrl: redis.url, redisUrl: redis.url }, redis.url)
  })
  afterAll(async () => {
    await own.close()
    await redis.remove()
  })

  const as = async <T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis(url, { maxRetriesPerRequest: 0 })
    client.on('error', () => {})
    try {
      return await work(client)
    } finally {
      client.disconnect()
    }
  }

  test('each is one of its own, who reaches the queues of the agent and no others', async () => {
    const [mine, others] = [await newPool(own), await newPool(own)]
    // One whose name begins with that of mine.
    const longer = await registerTestAgent(own, { queues: [`${mine.queue}-b`] })
    const [{ redisUrl = '', queues }, other] = [await access(mine.agent, own), await access(others.agent, own)]
    expect(new URL(redisUrl).username).toContain(mine.agent.id)
    expect(other.redisUrl).not.toBe(redisUrl)
    expect((await access(mine.agent, own)).redisUrl).toBe(redisUrl)
    const key = (name = '') => `sweep:${name}:wait`
    await as(redisUrl, async (client) => {
      expect(await client.llen(key(queues[0]?.name))).toBe(0)
      const strange = [other.queues[0]?.name, (await access(longer, own)).queues[0]?.name]
      for (const name of strange) await expect(client.llen(key(name))).rejects.toThrow(/NOPERM/)
      const script = 'return redis.call("llen", ARGV[1])'
      await expect(client.eval(script, 0, key(strange[0]))).rejects.toThrow(/can't access at least one of the keys/)
      for (const command of [['flushall'], ['keys', '*'], ['scan', '0'], ['acl', 'list'], ['config', 'get', '*']]) {
        await expect(client.call(command[0] ?? '', ...command.slice(1))).rejects.toThrow(/NOPERM/)
      }
    })
  })

  test('a new queue is open to the agent when it hears of it', async () => {
    const { agent, queue } = await newPool(own)
    const { redisUrl = '' } = await access(agent, own)
    const response = await fetch(`${own.api.url}/api/v1/agents/${agent.id}/stream`, {
      headers: { authorization: `Bearer ${agent.token}` },
    })
    const sweepId = await createTestSweep(own, `${SWEEP_YAML}queue: ${queue}\nresources: {cpus: 2}\n`)
    await new TestController(own).issue(sweepId, 1)
    let text = ''
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (text.includes(`sweep-${queue}-c2`)) break
    }
    expect(await as(redisUrl, (client) => client.llen(`sweep:sweep-${queue}-c2:wait`))).toBeGreaterThanOrEqual(0)
  })

  test('one whose agent is gone is gone too', async () => {
    const [stays, goes] = [await newPool(own), await newPool(own)]
    const [kept, old] = [await access(stays.agent, own), await access(goes.agent, own)]
    await own.database.query(`update agents set state = 'gone' where id = $1`, [goes.agent.id])
    const { database } = own
    const common = { database, redisUrl: redis.url, agentRedisUrl: redis.url, log: pino({ level: 'silent' }) }
    const users = await AgentUsers.load(common, randomBytes)
    await users.removeOld()
    users.close()
    expect(await as(kept.redisUrl ?? '', (client) => client.ping())).toBe('PONG')
    await expect(as(old.redisUrl ?? '', (client) => client.ping())).rejects.toThrow()
  })

  test('where Redis lets the server make no users agents claim over HTTP', async () => {
    const allowed = ['on', '>plain', '~*', '+@all', '-acl']
    await as(redis.url, (client) => client.call('ACL', 'SETUSER', 'plain', ...allowed))
    const plain = redis.url.replace('redis://', 'redis://plain:plain@')
    const without = await testApi({ agentRedisUrl: redis.url, redisUrl: plain }, redis.url)
    try {
      expect(await access(await registerTestAgent(without), without)).toEqual({ queues: [] })
    } finally {
      await without.close()
    }
  })

  test('the server says whether the address that it hands out can be used', async () => {
    const check = async (agentRedisUrl?: string) => {
      const one = agentRedisUrl === undefined ? await testApi() : await testApi({ agentRedisUrl, redisUrl: redis.url })
      try {
        return (await one.call('GET', '/queue-check', { token: one.tokens.viewer })).body
      } finally {
        await one.close()
      }
    }
    const { host } = new URL(redis.url)
    expect(await check()).toEqual({ status: 'not-offered' })
    expect(await check(redis.url)).toEqual({ status: 'ok', address: host })
    await as(redis.url, (client) => client.call('ACL', 'SETUSER', 'shared', 'on', '>word', '+info', '+ping'))
    expect(await check(`redis://shared:word@${host}`)).toEqual({ status: 'ok', address: host })
    expect(await check(`redis://shared:wrong@${host}`)).toMatchObject({
      status: 'failed',
      problem: expect.stringContaining('WRONGPASS'),
    })
    const silent = await check('redis://127.0.0.1:1')
    expect(silent).toMatchObject({ status: 'failed', problem: expect.stringContaining('ECONNREFUSED') })
    const other = await TestRedis.start({ appendOnly: false })
    expect(await check(other.url)).toMatchObject({ problem: expect.stringContaining('another Redis') })
    expect(await check(other.url.replace('redis://', 'redis://default:any@'))).toMatchObject({
      problem: expect.stringContaining('another Redis'),
    })
    await other.remove()
    const left = await as(redis.url, (client) => client.call('ACL', 'USERS'))
    expect(String(left)).not.toContain('sweep-visitor')
  })

  test('an agent that asks while Redis is away is told to ask again', async () => {
    const { agent } = await newPool(own)
    await redis.kill()
    try {
      const reply = await own.call('POST', `/agents/${agent.id}/queue-access`, { token: agent.token })
      expect(reply).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    } finally {
      await redis.start()
    }
  })
})
