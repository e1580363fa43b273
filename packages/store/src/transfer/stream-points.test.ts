import { type RunId, trialId } from '@sweep/spec/ids'
import { MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { compactAttempts } from '../metrics.ts'
import { ingestReports } from '../reports.ts'
import { thinRun } from '../retention/thin-run.ts'
import { sampleRun } from '../testing/sample-run.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from '../testing/samples.ts'
import { logMetrics } from '../tracking/log-metrics.ts'
import type { RunRecord } from '../tracking/run-record.ts'
import { readRunSeries } from '../tracking/run-series.ts'
import { endRun, getRun } from '../tracking/runs.ts'
import { streamRunPoints } from './stream-points.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

/** Over, with so many batches of ten points of `a` and `b`. */
async function runOf(batches: number): Promise<RunRecord> {
  const run = await sampleRun(fixture.database)
  for (let at = 0; at < batches; at += 1) {
    const points = Array.from({ length: 10 }, (_, n) => ({ step: at * 10 + n, values: { a: n, b: at } }))
    await logMetrics(fixture.database, [{ ...MetricsBatch.parse({ points }), runId: run.id, now: 5 }])
  }
  await endRun(fixture.database, run.id, { status: 'completed' })
  return getRun(fixture.database, run.id)
}

/** Steps by metric; `meanwhile` happens after so many blocks. */
async function stepsOf(run: RunRecord, after = -1, meanwhile: () => Promise<unknown> = async () => undefined) {
  const steps: Record<string, number[]> = {}
  let blocks = 0
  for await (const { name, column } of streamRunPoints(fixture.database, run)) {
    steps[name] = [...(steps[name] ?? []), ...column.steps]
    blocks += 1
    if (blocks === after) await meanwhile()
  }
  return steps
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)

test.each([0, 1, 2, 3, 5])(
  'points that are packed after block %i are there once, in the order they came',
  async (block) => {
    const run = await runOf(60)
    if (block === 0) await compactAttempts(fixture.database)
    const all = { a: upTo(600), b: upTo(600) }
    expect(await stepsOf(run, block, () => compactAttempts(fixture.database))).toEqual(all)
    expect(await stepsOf(run)).toEqual(all)
  },
)

test('points that were logged after some were packed come after those', async () => {
  const run = await runOf(30)
  await compactAttempts(fixture.database)
  const points = Array.from({ length: 5 }, (_, n) => ({ step: 300 + n, values: { a: n } }))
  await logMetrics(fixture.database, [{ ...MetricsBatch.parse({ points }), runId: run.id, now: 5 }])
  expect(await stepsOf(run)).toEqual({ a: upTo(305), b: upTo(300) })
})

test('where points are dropped meanwhile it says so, rather than leave out the rest', async () => {
  const { database } = fixture
  const run = await runOf(300)
  await compactAttempts(database)
  const first = () => database.tx((tx) => thinRun(tx, run.key, 100, () => ({ width: 2, kept: [[0]] })))
  await expect(stepsOf(run, 1, first)).rejects.toMatchObject({ code: 'conflict', retryable: true })
})

test('of a trial that was tried again those come that its chart shows', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { retry: { max: 1, lostMax: 1 } } as never)
  const agent = await sampleAgent(database)
  const [attempt] = await issue(database, sweep, [1])
  if (attempt === undefined) throw new Error('no attempt')
  const epoch = await claim(database, attempt, agent)
  await ingestReports(database, agent, [
    report(attempt, epoch, { batches: [lossBatch(0, [1, 2, 3, 4])], ended: ending('node-fault') }),
  ])
  const second = attempt.replace(/-1$/, '-2') as typeof attempt
  const again = await claim(database, second, agent)
  const later = {
    ...lossBatch(0, [30, 40]),
    points: [
      { step: 3, at: 1, values: { loss: 30 } },
      { step: 4, at: 2, values: { loss: 40 } },
    ],
  }
  await ingestReports(database, agent, [report(second, again, { batches: [later], ended: ending('succeeded') })])
  const run = await getRun(database, trialId(sweep.id, 1) as unknown as RunId)
  const chart = await readRunSeries(database, run.key, 'loss')
  expect(chart).toMatchObject({ steps: [1, 2, 3, 4], values: [1, 2, 30, 40] })
  expect(await stepsOf(run)).toEqual({ loss: chart.steps })
  await compactAttempts(database)
  expect(await stepsOf(run)).toEqual({ loss: chart.steps })
})
