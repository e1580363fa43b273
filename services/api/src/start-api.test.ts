import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import { SweepError } from '@sweep/spec/errors'
import { Health } from '@sweep/spec/wire/api'
import { openDatabase } from '@sweep/store/database'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testDatabase } from '../../../test/support/postgres.ts'
import { readSettings } from './settings.ts'
import { startApi } from './start-api.ts'
import { SETTINGS, type TestApi, testApi } from './testing/test-api.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

const clock = { now: () => performance.timeOrigin + performance.now() }
const log = pino({ level: 'silent' })

test('health needs no token and names version and migration', async () => {
  const reply = await api.call('GET', '/health')
  expect(Health.parse(reply.body)).toEqual({
    status: 'ok',
    version: '1.2.3',
    database: 'ok',
    migration: expect.stringMatching(/^\d{4}_\w+\.sql$/),
  })
})

test('OpenAPI describes every route, with who may not be left out', async () => {
  const reply = await api.call('GET', '/openapi.json')
  const { paths, openapi } = reply.body as {
    paths: Record<string, Record<string, { summary: string }>>
    openapi: string
  }
  expect(openapi).toBe('3.1.0')
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(routes).toEqual(
    expect.arrayContaining([
      'get /api/v1/health',
      'post /api/v1/sweeps',
      'get /api/v1/sweeps/{id}/leaderboard',
      'post /api/v1/sweeps/{id}/trials/{number}/retry',
      'post /api/v1/agents/{id}/claim',
    ]),
  )
  expect(routes.length).toBeGreaterThan(30)
  for (const methods of Object.values(paths))
    for (const { summary } of Object.values(methods)) expect(summary).toBeTruthy()
})

test('a port in use is named, with what to do', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => taken.once('listening', resolve))
  const address = taken.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const starting = startApi({ ...SETTINGS, port }, { ...api, clock, randomBytes, log })
  await expect(starting).rejects.toMatchObject({
    code: 'port-in-use',
    message: expect.stringContaining(String(port)),
    hint: expect.stringContaining('SWEEP_PORT'),
  })
  taken.close()
})

test('an address that others can reach is refused until somebody has a token', async () => {
  const own = await testDatabase()
  const queue = openTicketQueue({ databaseUrl: own.url })
  try {
    const settings = { ...SETTINGS, host: '0.0.0.0' }
    const dependencies = { database: own.database, queue, clock, randomBytes, log }
    await expect(startApi(settings, dependencies)).rejects.toMatchObject({ code: 'forbidden' })
    const loopback = await startApi(SETTINGS, dependencies)
    await loopback.close()
  } finally {
    await queue.close()
    await own.drop()
  }
  const open = await startApi({ ...SETTINGS, host: '0.0.0.0' }, { ...api, clock, randomBytes, log })
  expect(open.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  await open.close()
})

describe('while Postgres is away', () => {
  test('requests are answered 503 with Retry-After, within seconds, and without its address', async () => {
    const own = await testDatabase()
    const queue = openTicketQueue({ databaseUrl: own.url })
    const running = await startApi(SETTINGS, { database: own.database, queue, clock, randomBytes, log })
    await own.drop()
    try {
      const health = await running.app.inject('/api/v1/health')
      expect([health.statusCode, health.json().database]).toEqual([503, 'away'])
      const reply = await running.app.inject({
        url: '/api/v1/sweeps',
        headers: { authorization: 'Bearer swp_user_aaaaaaaaaaaaaaaaaaaaaaaa' },
      })
      expect(reply.statusCode).toBe(503)
      expect(reply.headers['retry-after']).toBe('2')
      expect(reply.json()).toMatchObject({ code: 'unavailable' })
      expect(reply.body).not.toMatch(/127\.0\.0\.1|54320|sweep_test/)
    } finally {
      await running.close()
      await queue.close()
    }
  })

  test('a start fails with a clear error that may be tried again', async () => {
    const database = openDatabase({ url: 'postgres://sweep@127.0.0.1:1/none', applicationName: 'test' })
    const starting = startApi(SETTINGS, { database, queue: api.queue, clock, randomBytes, log })
    await expect(starting).rejects.toMatchObject({ code: 'unavailable', retryable: true })
    await database.close()
  })
})

test('closing answers agents that wait, ends streams, and returns', async () => {
  const running = await startApi(SETTINGS, { ...api, clock, randomBytes, log })
  const stream = await fetch(`${running.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${api.tokens.viewer}` },
  })
  const text = stream.text()
  await running.close()
  await text
})

describe('settings', () => {
  test('have sensible values when only the database is named', () => {
    const settings = readSettings({ DATABASE_URL: 'postgres://x/y', SWEEP_HOST: '' }, '1')
    expect(settings).toMatchObject({ host: '127.0.0.1', port: 4600, anonymousRead: 'never', leaseMs: 30_000 })
  })

  test.each([
    [{}, 'DATABASE_URL'],
    [{ DATABASE_URL: 'x', SWEEP_PORT: '99999' }, 'SWEEP_PORT'],
    [{ DATABASE_URL: 'x', SWEEP_PORT: 'http' }, 'SWEEP_PORT'],
    [{ DATABASE_URL: 'x', SWEEP_LEASE_MS: '1000', SWEEP_HEARTBEAT_MS: '1000' }, 'SWEEP_LEASE_MS'],
    [{ DATABASE_URL: 'x', SWEEP_LOG_LEVEL: 'loud' }, 'SWEEP_LOG_LEVEL'],
    [{ DATABASE_URL: 'x', SWEEP_TOKEN: 'short' }, 'SWEEP_TOKEN'],
  ])('%j is refused, naming %s', (env, name) => {
    expect(() => readSettings(env, '1')).toThrow(SweepError)
    expect(() => readSettings(env, '1')).toThrow(name)
  })
})
