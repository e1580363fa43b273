import { randomBytes } from 'node:crypto'
import { newId, type SweepId } from '@sweep/spec/ids'
import type { EventKind, Threshold } from '@sweep/spec/webhooks'
import { MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { type Database, openDatabase } from '@sweep/store/database'
import { storeFindings } from '@sweep/store/health/findings'
import { ingestReports } from '@sweep/store/reports'
import { sampleRun } from '@sweep/store/testing/sample-run'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from '@sweep/store/testing/samples'
import { logMetrics } from '@sweep/store/tracking/log-metrics'
import { endRun } from '@sweep/store/tracking/runs'
import { createWebhook, deadLetters, deleteWebhook, getWebhook } from '@sweep/store/webhooks/webhooks'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { type Received, type Receiver, startReceiver } from './testing/receiver.ts'
import { type CourierOptions, WebhookCourier } from './webhook-courier.ts'

let fixture: TestDatabase
let receiver: Receiver
const couriers: WebhookCourier[] = []
beforeEach(async () => {
  fixture = await testDatabase()
  receiver = await startReceiver()
  // So that there is the project `default`, which is no news then.
  await sampleRun(fixture.database)
})
afterEach(async () => {
  await receiver.close()
  await Promise.all(couriers.splice(0).map((courier) => courier.close()))
  await fixture.drop()
})

const SECRET = 'a secret of many letters'

async function hook(changes: Partial<Parameters<typeof createWebhook>[1]> = {}): Promise<string> {
  const id = newId(randomBytes)
  await createWebhook(fixture.database, {
    ...{
      id,
      name: 'hook',
      url: receiver.url,
      secret: SECRET,
      format: 'json',
      kinds: null,
      project: null,
      sweepId: null,
    },
    ...{ thresholds: [], createdBy: 'me' },
    ...changes,
  })
  return id
}

function courier(changes: Partial<CourierOptions> = {}, database: Database = fixture.database): WebhookCourier {
  const started = new WebhookCourier({
    database,
    clock: { now: () => performance.timeOrigin + performance.now() },
    log: pino({ level: process.env['SWEEP_TEST_LOG'] ?? 'silent' }),
    id: newId(randomBytes),
    ...{ allowPrivate: true, everyMs: 20, timeoutMs: 1000, firstWaitMs: 10, mostTries: 4 },
    ...changes,
  })
  couriers.push(started)
  started.start()
  return started
}

/** A sweep with one trial that reports these losses and ends. */
async function sweepOf(...losses: number[]): Promise<SweepId> {
  const sweep = await ownedSweep(fixture.database, { budget: { trials: 1 } })
  const agentId = await sampleAgent(fixture.database)
  const [attemptId] = await issue(fixture.database, sweep, [1])
  if (attemptId === undefined) throw new Error('no attempt')
  const epoch = await claim(fixture.database, attemptId, agentId)
  const batches = losses.length === 0 ? [] : [lossBatch(0, losses)]
  await ingestReports(fixture.database, agentId, [report(attemptId, epoch, { batches, ended: ending('succeeded') })])
  return sweep.id
}

const kindOf = ({ body }: Received) => String(body['kind'])
const kinds = () => receiver.received.map(kindOf)
const received = (count: number) =>
  vi.waitFor(() => expect(receiver.received.length).toBeGreaterThanOrEqual(count), { timeout: 20_000, interval: 10 })

/** All of a sweep with one trial, in their order. Its budget is of one trial. */
const OF_SWEEP: EventKind[] = [
  ...(['sweep.created', 'trial.created', 'sweep.started', 'trial.started', 'trial.ended'] as const),
  ...(['best.changed', 'sweep.budget'] as const),
]

test('what happens to a sweep is told in its order, and what happened before the webhook was made is not', async () => {
  await sweepOf(9)
  await hook()
  const id = await sweepOf(3, 2, 1)
  courier()
  await received(OF_SWEEP.length)
  expect(kinds()).toEqual(OF_SWEEP)
  expect(receiver.received.every(({ body }) => (body['sweep'] as { id: string }).id === id)).toBe(true)
  expect(receiver.received.find((one) => kindOf(one) === 'best.changed')?.body).toMatchObject({
    trial: 1,
    run: `${id}-1`,
    project: 'default',
    data: { metric: 'loss', value: 1 },
  })
})

test('projects, experiments and runs outside of sweeps are told of', async () => {
  await hook()
  const run = await sampleRun(fixture.database, { project: 'p "q" 😀', experiment: 'e', name: 'n', status: 'pending' })
  await fixture.database.query(`update runs set status = 'running', started_at = now() where id = $1`, [run.id])
  await endRun(fixture.database, run.id, { status: 'failed' })
  courier()
  await received(5)
  expect(kinds()).toEqual(['project.created', 'experiment.created', 'run.created', 'run.started', 'run.ended'])
  expect(receiver.received.at(-1)?.body).toMatchObject({ project: 'p "q" 😀', run: run.id, data: { status: 'failed' } })
})

test('a webhook is told only of what it asks for', async () => {
  const [first, second] = [await hook({ kinds: ['trial.ended'] }), await hook({ project: 'another' })]
  const id = await sweepOf(1)
  const third = await hook({ sweepId: id, kinds: ['sweep.created', 'test'] })
  courier()
  await received(2)
  await vi.waitFor(async () => {
    const { rows } = await fixture.database.query('select from webhooks where cursor < 7')
    expect(rows).toEqual([])
  })
  const told = receiver.received.map((one) => [kindOf(one), String(one.headers['sweep-delivery']).split('-')[0]])
  expect(told.sort()).toEqual([
    ['sweep.created', third],
    ['trial.ended', first],
  ])
  expect(receiver.received.some(({ headers }) => String(headers['sweep-delivery']).startsWith(second))).toBe(false)
})

test('a bound on a metric is told once a run, of sweeps and of other runs', async () => {
  const thresholds: Threshold[] = [
    { metric: 'loss', below: 0.5 },
    { metric: 'train/acc', above: 0.9 },
  ]
  await hook({ thresholds, kinds: ['metric.threshold'] })
  const id = await sweepOf(1, 0.4, 0.3, 0.6, 0.2)
  const run = await sampleRun(fixture.database, { status: 'running' })
  const batch = MetricsBatch.parse({ points: [{ values: { 'train/acc': 0.95 } }, { values: { 'train/acc': 0.97 } }] })
  await logMetrics(fixture.database, [{ ...batch, runId: run.id, now: 5000 }])
  courier()
  await received(2)
  expect(receiver.received.map(({ body }) => [body['run'], body['data']])).toEqual([
    [`${id}-1`, { metric: 'loss', value: 0.4, above: null, below: 0.5 }],
    [run.id, { metric: 'train/acc', value: 0.97, above: 0.9, below: null }],
  ])
})

test('a finding is told once, and again when it comes again', async () => {
  await hook({ kinds: ['run.unhealthy'] })
  const run = await sampleRun(fixture.database)
  const finding = {
    ...({ rule: 'nan', metric: 'loss', severity: 'error', message: 'loss is NaN', advice: 'look' } as const),
    ...{ step: 1, since: 1, evidence: {} },
  }
  courier()
  await storeFindings(fixture.database, run.key, [finding])
  await received(1)
  await storeFindings(fixture.database, run.key, [{ ...finding, step: 2 }])
  await storeFindings(fixture.database, run.key, [])
  await storeFindings(fixture.database, run.key, [finding])
  await received(2)
  await sweepOf(1)
  expect(receiver.received.map(({ body }) => body['data'])).toEqual(
    Array.from({ length: 2 }, () => ({ rule: 'nan', metric: 'loss', message: 'loss is NaN', advice: 'look' })),
  )
})

test('a receiver that answers 500 and then 200 gets every event, in order', async () => {
  let calls = 0
  receiver.answer = () => (calls++ % 3 < 2 ? 500 : 200)
  const id = await hook()
  await sweepOf(1)
  courier()
  await received(3 * OF_SWEEP.length)
  expect(kinds().filter((_, call) => call % 3 === 2)).toEqual(OF_SWEEP)
  await vi.waitFor(async () =>
    expect(await getWebhook(fixture.database, id)).toMatchObject({ tries: 0, deadLetters: 0 }),
  )
})

test('what a receiver never takes is set aside after some tries, and holds up nothing for good', async () => {
  receiver.answer = ({ body }) => (body['kind'] === 'trial.created' ? 'hang' : 200)
  const id = await hook()
  await sweepOf(1)
  courier()
  await received(OF_SWEEP.length + 3)
  expect(kinds()).toEqual([...OF_SWEEP.slice(0, 1), ...Array(4).fill('trial.created'), ...OF_SWEEP.slice(2)])
  expect(await deadLetters(fixture.database, id, { limit: 10 })).toMatchObject([
    { body: { kind: 'trial.created' }, tries: 4, error: 'no answer within 1 s' },
  ])
})

test('a slow receiver keeps no other one waiting', async () => {
  const slow = await startReceiver()
  slow.answer = () => 'hang'
  await hook({ url: slow.url })
  await hook()
  await sweepOf(1)
  courier({ timeoutMs: 60_000 })
  await received(OF_SWEEP.length)
  await slow.close()
})

test('a server that dies after a delivery, or in the middle of one, leaves nothing untold', async () => {
  await hook()
  const ids = [await sweepOf(1), await sweepOf(2)]
  for (const dieAt of [1, 4, 8]) {
    const own = openDatabase({ url: fixture.url, applicationName: 'dying' })
    const dead = new Promise<void>((resolve) => {
      receiver.answer = async () => {
        // The receiver takes it, but who sent it can't note that any more, nor give anything over.
        if (receiver.received.length >= dieAt) {
          await own.close()
          resolve()
        }
        return 200
      }
    })
    const dying = courier({}, own)
    await dead
    receiver.answer = () => 200
    await dying.close()
    await fixture.database.query(`update service_leases set until = now() - interval '1 second'`)
  }
  courier()
  for (const id of ids) {
    await vi.waitFor(
      () => {
        const told = receiver.received.filter(({ body }) => (body['sweep'] as { id: string }).id === id).map(kindOf)
        expect(told.filter((kind, at) => kind !== told[at - 1])).toEqual(OF_SWEEP)
      },
      { timeout: 20_000, interval: 20 },
    )
  }
  // Some came twice: those whose sender died.
  expect(receiver.received.length).toBeGreaterThan(2 * OF_SWEEP.length)
})

test('of several servers one sends', async () => {
  await hook()
  for (let n = 0; n < 4; n += 1) courier()
  for (let n = 0; n < 5; n += 1) await sweepOf(n)
  await received(5 * OF_SWEEP.length)
  const deliveries = receiver.received.map(({ headers }) => headers['sweep-delivery'])
  expect(new Set(deliveries).size).toBe(deliveries.length)
})

test('a private address is not sent to, and the webhook says why', async () => {
  const id = await hook()
  await sweepOf(1)
  courier({ allowPrivate: false, firstWaitMs: 60_000 })
  await vi.waitFor(async () => {
    const { lastError } = await getWebhook(fixture.database, id)
    expect(lastError).toContain('no address on the public internet')
  })
  expect(receiver.received).toEqual([])
})

test('without a webhook nothing is noted or kept, and events that all have are dropped', async () => {
  const id = await hook()
  courier()
  await sweepOf(1)
  await received(OF_SWEEP.length)
  await vi.waitFor(async () => expect((await fixture.database.query('select from events')).rowCount).toBe(0), 20_000)
  await deleteWebhook(fixture.database, id)
  await sampleRun(fixture.database)
  await sweepOf(1)
  expect((await fixture.database.query('select from event_inbox')).rowCount).toBe(0)
  expect((await fixture.database.query('select from events')).rowCount).toBe(0)
})
