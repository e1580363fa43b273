import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@sweep/client/client'
import { startTrackedRun } from '@sweep/client/tracking/start-run'
import type { RunDetail } from '@sweep/spec/wire/tracking/runs'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestSweep, ROOM, registerTestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'
import { LostRuns } from './lost-runs.ts'

const SILENT_MS = 10_000
const DAY_MS = 86_400_000
const patience = { silentMs: SILENT_MS, idleMs: 2 * DAY_MS }

let api: TestApi
let tracking: Client['tracking']
let folder: string
beforeAll(async () => {
  // Its own looks give nothing up within this test: it has not been there for an hour.
  api = await testApi({ runPatience: { silentMs: 3_600_000, idleMs: undefined } })
  tracking = createClient({ url: api.api.url, token: api.tokens.operator }).tracking
  folder = await mkdtemp(join(tmpdir(), 'sweep-heartbeats-'))
})
afterAll(async () => {
  await api.close()
  await rm(folder, { recursive: true })
})

/** Another server's looks, whose clock the test sets. */
function watcher(changes: Partial<typeof patience> = {}) {
  let now = 1e12
  const clock = { now: () => now }
  const log = pino({ level: 'silent' })
  const runs = new LostRuns({ database: api.database, clock, patience: { ...patience, ...changes }, log })
  return {
    look: () => runs.look(),
    /** One look after the other for as long as it takes to trust its own ears. */
    async listen(ms = SILENT_MS) {
      for (let passed = 0; passed < ms; passed += 1000) {
        now += 1000
        await runs.look()
      }
    },
    sleep(ms: number) {
      now += ms
    },
  }
}

async function silence(id: string, ms: number): Promise<void> {
  await api.database.query(
    `update run_heartbeats set seen_at = seen_at - $2 * interval '1 ms' where run_key = (select key from runs where id = $1)`,
    [id, ms],
  )
}

async function startedAgo(id: string, ms: number): Promise<void> {
  await api.database.query(`update runs set started_at = now() - $2 * interval '1 ms' where id = $1`, [id, ms])
}

const now = () => performance.timeOrigin + performance.now()

async function beatingRun(): Promise<string> {
  const { id } = await tracking.createRun({ status: 'running' })
  expect(await tracking.heartbeat(id)).toEqual({ status: 'running', everyMs: 60_000 })
  return id
}

const stateOf = async (id: string): Promise<Pick<RunDetail, 'status' | 'message' | 'endedAt'>> => {
  const { status, message, endedAt } = await tracking.getRun(id)
  return { status, message, endedAt }
}
const RUNNING = { status: 'running', message: null, endedAt: null }

test('a run whose program falls silent has failed, as lost, when it was last heard of; others go on', async () => {
  const [silent, loud, handmade] = [await beatingRun(), await beatingRun(), await beatingRun()]
  const noBeats = await tracking.createRun({ status: 'running' })
  await startedAgo(silent, 60_000)
  await silence(silent, SILENT_MS + 5000)
  await silence(handmade, SILENT_MS + 5000)
  await tracking.endRun(handmade)
  const before = now()
  await watcher().listen()
  const lost = await stateOf(silent)
  expect(lost).toMatchObject({
    status: 'failed',
    message: `lost: nothing was heard of its program since ${lost.endedAt}`,
  })
  expect(before - Date.parse(lost.endedAt ?? '')).toBeGreaterThan(SILENT_MS)
  expect(await stateOf(loud)).toEqual(RUNNING)
  expect(await stateOf(noBeats.id)).toEqual(RUNNING)
  expect(await stateOf(handmade)).toMatchObject({ status: 'completed', message: null })
})

test('it is running again once it is heard of, and is given up a second time', async () => {
  const id = await beatingRun()
  for (let time = 0; time < 2; time += 1) {
    await silence(id, SILENT_MS + 5000)
    await watcher().listen()
    expect(await stateOf(id)).toMatchObject({ status: 'failed' })
    expect(await tracking.heartbeat(id)).toMatchObject({ status: 'running' })
    expect(await stateOf(id)).toEqual(RUNNING)
    await watcher().listen()
    expect(await stateOf(id)).toEqual(RUNNING)
  }
})

test('how it really ended its program may still say, and what has ended another way is not changed by a heartbeat', async () => {
  for (const end of [{ status: 'completed' }, { status: 'failed', message: 'out of memory' }] as const) {
    const id = await beatingRun()
    await silence(id, SILENT_MS + 5000)
    await watcher().listen()
    expect(await tracking.endRun(id, { ...end, endedAt: '2030-01-01T00:00:00.000Z' })).toMatchObject({
      status: end.status,
      endedAt: '2030-01-01T00:00:00.000Z',
    })
    expect((await stateOf(id)).message).toBe('message' in end ? end.message : null)
    expect(await tracking.heartbeat(id)).toMatchObject({ status: end.status })
    await expect(tracking.endRun(id, { status: 'killed' })).rejects.toMatchObject({ code: 'conflict' })
  }
})

test('who was away, or asleep, gives nobody up before it has listened for long enough itself', async () => {
  const id = await beatingRun()
  await silence(id, 10 * SILENT_MS)
  const watch = watcher()
  await watch.look()
  await watch.listen(SILENT_MS - 1000)
  expect(await stateOf(id)).toEqual(RUNNING)
  watch.sleep(60_000)
  await watch.listen(SILENT_MS - 1000)
  expect(await stateOf(id)).toEqual(RUNNING)
  await watch.listen(2000)
  expect(await stateOf(id)).toMatchObject({ status: 'failed' })
})

test('a run that is taken up again is given time', async () => {
  const id = await beatingRun()
  await silence(id, SILENT_MS + 5000)
  await watcher().listen()
  await tracking.changeRun(id, { status: 'running' })
  await watcher().listen()
  expect(await stateOf(id)).toEqual(RUNNING)
})

test('without heartbeats a run is given up once it has logged nothing for days, and comes back by logging', async () => {
  const [idle, logging, young] = await Promise.all([1, 2, 3].map(() => tracking.createRun({ status: 'running' })))
  if (!idle || !logging || !young) throw new Error('three runs were made')
  await startedAgo(idle.id, 3 * DAY_MS)
  await startedAgo(logging.id, 3 * DAY_MS)
  await tracking.logMetrics(idle.id, { points: [{ step: 1, at: now() - 2.5 * DAY_MS, values: { loss: 1 } }] })
  await tracking.logMetrics(logging.id, { points: [{ step: 1, at: 1e300, values: { loss: 1 } }] })
  await watcher({ idleMs: 100 * DAY_MS }).listen()
  expect(await stateOf(idle.id)).toEqual(RUNNING)
  await watcher().listen()
  expect(await stateOf(idle.id)).toMatchObject({ status: 'failed', message: expect.stringContaining('no heartbeats') })
  expect(await stateOf(logging.id)).toEqual(RUNNING)
  expect(await stateOf(young.id)).toEqual(RUNNING)
  // What a spool brings late is no sign of life.
  await tracking.logMetrics(idle.id, { points: [{ step: 2, at: now() - DAY_MS, values: { loss: 1 } }] })
  await watcher().look()
  expect(await stateOf(idle.id)).toMatchObject({ status: 'failed' })
  await tracking.logMetrics(idle.id, { points: [{ step: 3, at: now() + 1000, values: { loss: 1 } }] })
  await watcher().look()
  expect(await stateOf(idle.id)).toEqual(RUNNING)
  await watcher().listen()
  expect(await stateOf(idle.id)).toEqual(RUNNING)
})

test('the agent speaks for the run of a trial; a trial may for a run below its own, and for no other', async () => {
  await new TestController(api).issue(await createTestSweep(api), 1)
  const agent = await registerTestAgent(api)
  const asked = { token: agent.token, body: { room: ROOM, max: 1, waitMs: 10_000 } }
  const { body } = await api.call('POST', `/agents/${agent.id}/claim`, asked)
  const [{ attemptId, token }] = (body as { assignments: [{ attemptId: string; token: string }] }).assignments
  const own = attemptId.replace(/-1$/, '')
  await expect(tracking.heartbeat(own)).rejects.toMatchObject({ code: 'conflict' })
  const trial = createClient({ url: api.api.url, token }).tracking
  const below = await trial.createRun({ parentRunId: own as never, status: 'running' })
  expect(await trial.heartbeat(below.id)).toMatchObject({ status: 'running' })
  await expect(trial.heartbeat(await beatingRun())).rejects.toMatchObject({ code: 'forbidden' })
})

test('a tracker says that it lives without logging anything, and stops when its run ends', async () => {
  const warnings: string[] = []
  const env = { SWEEP_URL: api.api.url, SWEEP_TOKEN: api.tokens.operator, SWEEP_SPOOL: join(folder, 'spool') }
  const world = { env, argv: [], clock: { now }, randomBytes }
  const warn = (_: string, text: string) => void warnings.push(text)
  const run = await startTrackedRun({ ...world, warn }, { flushMs: 2, capture: false })
  const seen = () =>
    api.database.query('select 1 from run_heartbeats h join runs r on r.key = h.run_key where id = $1', [run.id])
  await expect.poll(async () => (await seen()).rowCount).toBe(1)
  await run.end()
  expect([await stateOf(run.id), warnings]).toMatchObject([{ status: 'completed' }, []])
})
