import { type Client, createClient } from '@sweep/client/client'
import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { PriceTable } from '@sweep/spec/prices'
import type { RegisterAgent } from '@sweep/spec/wire/agent-protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readSettings } from '../settings.ts'
import { createTestSweep, ROOM, registerTestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'

const TABLE = {
  currency: 'EUR',
  prices: [
    { labels: { tier: 'spot' }, gpu: 'A100', hour: 1.8 },
    { gpu: 'a100', hour: 3.6 },
  ],
}

interface Claimed {
  readonly attemptId: string
  readonly epoch: number
  readonly trial: number
}

let api: TestApi
let client: Client
let sweepId: SweepId
/** Number of the trial that ran on each host. */
const trialOn: Record<string, number> = {}

beforeAll(async () => {
  api = await testApi({ prices: PriceTable.parse(TABLE) })
  client = createClient({ url: api.api.url, token: api.tokens.operator })
  sweepId = await createTestSweep(api)
  await new TestController(api).issue(sweepId, 3)
  const slots = [{ index: 0, gpu: { index: 0, name: 'NVIDIA A100-SXM4-80GB' } }]
  trialOn['spot'] = await runOne({ name: 'spot', slots, labels: { tier: 'spot' } }, 100)
  trialOn['fixed'] = await runOne({ name: 'fixed', slots }, 1000)
  trialOn['cpu'] = await runOne({ name: 'cpu' }, 10_000)
})
afterAll(() => api.close())

/** An agent of this kind runs one trial, for so many seconds. */
async function runOne(kind: Partial<RegisterAgent>, seconds: number): Promise<number> {
  const { id, token } = await registerTestAgent(api, { host: kind.name ?? '', ...kind })
  const room = { ...ROOM, slots: 1, gpuSlots: kind.slots === undefined ? 0 : 1 }
  const claimed = await api.call('POST', `/agents/${id}/claim`, { token, body: { room, max: 1, waitMs: 10_000 } })
  const [assignment] = (claimed.body as { assignments: Claimed[] }).assignments
  if (assignment === undefined) throw new Error(claimed.text)
  const { attemptId, epoch, trial } = assignment
  const points = [{ step: 1, at: 1, values: { loss: trial } }]
  const ended = { at: 1, cause: 'succeeded', message: 'ok', exitCode: 0, signal: null, seconds }
  const started = { at: 1, slots: [0], argv: [], environment: {}, runDir: '/tmp' }
  const body = {
    attempts: [{ attemptId, epoch, started, batches: [{ source: 'metrics', from: 0, to: 9, points }], ended }],
  }
  const reply = await api.call('POST', `/agents/${id}/reports`, { token, body })
  expect([reply.status, reply.status === 200 ? '' : reply.text]).toEqual([200, ''])
  return trial
}

test('the leaderboard has what each trial has cost on the host that it ran on', async () => {
  const { rows } = await client.leaderboard(sweepId, { limit: 10 })
  const costs = new Map(rows.map(({ number, cost }) => [number, cost]))
  expect(costs.get(trialOn['spot']!)).toEqual({ amount: 0.05, currency: 'EUR', unpricedSeconds: 0 })
  expect(costs.get(trialOn['fixed']!)).toEqual({ amount: 1, currency: 'EUR', unpricedSeconds: 0 })
  expect(costs.get(trialOn['cpu']!)).toEqual({ amount: 0, currency: 'EUR', unpricedSeconds: 10_000 })
})

test('the run of a trial has its cost, until somebody says otherwise', async () => {
  const id = `${sweepId}-${trialOn['fixed']}`
  const read = async () => (await api.call('GET', `/runs/${id}`, { token: api.tokens.viewer })).body
  expect(await read()).toMatchObject({ resources: { cost: 1 } })
  await api.call('PATCH', `/runs/${id}`, { token: api.tokens.operator, body: { resources: { cost: 0.25 } } })
  expect(await read()).toMatchObject({ resources: { cost: 0.25 } })
})

test('the report says what all of it has cost, and what has no price', async () => {
  for (const format of ['md', 'html'] as const) {
    expect((await client.report(sweepId, format)).replaceAll('\\', '')).toContain(
      'By the prices of the server that is 1.05 EUR, without 2.778 h on hosts that have no price.',
    )
  }
})

test('a server without prices tells of no costs', async () => {
  const other = await testApi()
  try {
    const own = await createTestSweep(other)
    await new TestController(other).issue(own, 1)
    const { rows } = await createClient({ url: other.api.url, token: other.tokens.viewer }).leaderboard(own, {
      limit: 1,
    })
    expect(rows[0]).not.toHaveProperty('cost')
  } finally {
    await other.close()
  }
})

test('prices are read from SWEEP_PRICES, and what is wrong with them is named', () => {
  const read = (text: string) => readSettings({ DATABASE_URL: 'x', SWEEP_PRICES: text }, '1').prices
  expect(read(JSON.stringify(TABLE))?.prices[1]).toEqual({ gpu: 'a100', hour: 3.6, gpuHour: 0 })
  expect(readSettings({ DATABASE_URL: 'x' }, '1').prices).toBeUndefined()
  for (const text of ['EUR', '{"currency": "EUR"}', '{"currency": "EUR", "prices": [{"gpu": "A100"}]}']) {
    let error: unknown
    try {
      read(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(SweepError)
    expect((error as SweepError).message).toContain('SWEEP_PRICES')
    expect((error as SweepError).hint).toContain('docs/costs.md')
  }
})
