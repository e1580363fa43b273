import { createClient } from '@sweep/client/client'
import type { HealthFinding } from '@sweep/spec/health'
import type { SweepId } from '@sweep/spec/ids'
import type { SweepEventData } from '@sweep/spec/wire/api'
import { HealthReply } from '@sweep/spec/wire/health'
import { storeFindings } from '@sweep/store/health/findings'
import { notify } from '@sweep/store/listen'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApi, TestController, testApi } from '../testing/test-api.ts'

const YAML =
  'method: random\nmetric: {name: loss}\nparameters: {lr: {min: 0.0, max: 1.0}}\ncommand: [python3, train.py]\n'
const ODD = `"q" 'x' 😀 \\ \u0000 /`

const NAN: HealthFinding = {
  rule: 'nan',
  metric: ODD,
  severity: 'error',
  message: `${ODD} is NaN`,
  advice: 'Lower the learning rate.',
  step: 7,
  since: 5,
  evidence: { value: Number.NaN, lastFinite: 1e308 },
}
const IDLE: HealthFinding = { ...NAN, rule: 'gpu_idle', metric: 'system/gpu0_percent', severity: 'warning', step: null }

let api: TestApi
let controller: TestController
beforeAll(async () => {
  api = await testApi()
  controller = new TestController(api)
})
afterAll(() => api.close())

const client = () => createClient({ url: api.api.url, token: api.tokens.admin })

async function sweepWithTrials(count: number): Promise<{ id: SweepId; keys: number[] }> {
  const { sweep } = await client().createSweep({ source: YAML, workdir: '/tmp' })
  await controller.issue(sweep.id, count)
  const { rows } = await api.database.query<{ key: number }>(
    'select key from runs where sweep_id = $1 order by trial',
    [sweep.id],
  )
  return { id: sweep.id, keys: rows.map(({ key }) => key) }
}

test('findings are shown on the run, the trial, the sweep and the leaderboard, and gone when cleared', async () => {
  const { id, keys } = await sweepWithTrials(3)
  const [, second = 0, third = 0] = keys
  await storeFindings(api.database, second, [IDLE, NAN])
  await storeFindings(api.database, third, [IDLE])
  const wire = await api.call('GET', `/sweeps/${id}/health`, { token: api.tokens.viewer })
  expect(HealthReply.parse(wire.body).findings.map(({ trial, rule }) => [trial, rule])).toEqual([
    [2, 'nan'],
    [2, 'gpu_idle'],
    [3, 'gpu_idle'],
  ])
  const shown = await client().getTrial(id, 2)
  expect(shown.findings?.[0]).toMatchObject({
    ...NAN,
    metric: NAN.metric.replace('\u0000', '\ufffd'),
    message: expect.any(String),
  })
  expect((await client().getTrial(id, 1)).findings).toBeUndefined()
  expect((await client().tracking.runHealth(`${id}-3`)).findings).toMatchObject([{ rule: 'gpu_idle', step: null }])
  const { rows } = await client().leaderboard(id)
  expect(Object.fromEntries(rows.map((row) => [row.number, row.health]))).toEqual({
    1: undefined,
    2: ['nan', 'gpu_idle'],
    3: ['gpu_idle'],
  })
  await storeFindings(api.database, second, [IDLE])
  expect((await client().sweepHealth(id)).findings).toHaveLength(2)
  expect((await client().sweepHealth(id, { cleared: true })).findings).toMatchObject([
    { rule: 'gpu_idle', clearedAt: null },
    { rule: 'nan', clearedAt: expect.any(String) },
    { rule: 'gpu_idle', clearedAt: null },
  ])
})

test('whoever watches a sweep is told of findings as they come and go, each once', async () => {
  const { id, keys } = await sweepWithTrials(1)
  const [key = 0] = keys
  const told: [string, boolean][] = []
  const done = new AbortController()
  await storeFindings(api.database, key, [NAN])
  let steps = 0
  const note = async (event: SweepEventData) => {
    const findings = event.type === 'sweep' ? (event.findings ?? []) : []
    told.push(...findings.map(({ rule, clearedAt }): [string, boolean] => [rule, clearedAt === null]))
    if (findings.length === 0) return
    steps += 1
    if (steps === 3) return done.abort()
    await storeFindings(api.database, key, steps === 1 ? [NAN, IDLE] : [])
    await notify(api.database, 'sweep_changed', [id])
  }
  const watch = async () => {
    for await (const event of client().watchSweep(id, { signal: done.signal })) await note(event)
  }
  await expect(watch()).rejects.toBeDefined()
  // What is written down once more comes once more; a stream that breaks loses nothing by that.
  expect(told.slice(0, 3)).toEqual([
    ['nan', true],
    ['nan', true],
    ['gpu_idle', true],
  ])
  expect(told.slice(3).sort()).toEqual([
    ['gpu_idle', false],
    ['nan', false],
  ])
})

test('what is not there is not found, and health is for those who may read', async () => {
  expect((await api.call('GET', '/runs/0000000zzz/health', { token: api.tokens.viewer })).status).toBe(404)
  expect((await api.call('GET', '/sweeps/0000000zzz/health', { token: api.tokens.viewer })).status).toBe(404)
  expect((await api.call('GET', '/sweeps/0000000zzz/health')).status).toBe(401)
  const { id } = await sweepWithTrials(1)
  expect((await api.call('GET', `/sweeps/${id}/health?cleared=maybe`, { token: api.tokens.viewer })).status).toBe(400)
})
