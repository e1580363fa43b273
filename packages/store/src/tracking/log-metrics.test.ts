import { AttemptId, RunId } from '@sweep/spec/ids'
import { MetricsBatch } from '@sweep/spec/wire/tracking/metrics'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkInvariants } from '../../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { compactAttempts } from '../metrics.ts'
import { ingestReports } from '../reports.ts'
import { sampleRun } from '../testing/sample-run.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from '../testing/samples.ts'
import { logMetrics, type RunBatch } from './log-metrics.ts'
import { runMetrics } from './run-metrics.ts'
import { readRunSeries } from './run-series.ts'
import { deleteRun, endRun, getRun } from './runs.ts'
import { summariseRunning } from './summarise.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterEach(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
})
afterAll(() => fixture.drop())

function batch(runId: RunId, body: Parameters<typeof MetricsBatch.parse>[0]): RunBatch {
  return { ...MetricsBatch.parse(body), runId, now: 5000 }
}

async function log(runId: RunId, ...bodies: Parameters<typeof MetricsBatch.parse>[0][]) {
  return logMetrics(
    fixture.database,
    bodies.map((body) => batch(runId, body)),
  )
}

async function series(runId: RunId, name: string) {
  const { key } = await getRun(fixture.database, runId)
  return readRunSeries(fixture.database, key, name)
}

async function summaries(runId: RunId) {
  const { key } = await getRun(fixture.database, runId)
  return Object.fromEntries((await runMetrics(fixture.database, key)).map(({ name, ...rest }) => [name, rest]))
}

describe('metrics of a run of its own', () => {
  test('come back as they were logged, odd values and names included', async () => {
    const { id } = await sampleRun(fixture.database)
    const odd = `"q" 'x' 😀 \\ /`
    const values = { loss: 'NaN' as const, [odd]: 1e308, up: 'Infinity' as const, down: '-Infinity' as const }
    await log(id, { points: [{ step: -3, at: 17, values }] }, { points: [{ values: { loss: 5e-324 } }] })
    expect(await series(id, 'loss')).toEqual({ steps: [-3, -2], times: [17, 5000], values: [Number.NaN, 5e-324] })
    expect(await series(id, odd)).toMatchObject({ values: [1e308] })
    expect(await series(id, 'up')).toMatchObject({ values: [Number.POSITIVE_INFINITY] })
    expect(await series(id, 'nothing')).toEqual({ steps: [], times: [], values: [] })
    expect(await summaries(id)).toMatchObject({
      loss: { points: 2, last: 5e-324, lastStep: -2, min: 5e-324, minStep: -2, max: 5e-324 },
      up: { last: Number.POSITIVE_INFINITY, min: Number.POSITIVE_INFINITY },
      down: { max: Number.NEGATIVE_INFINITY, maxStep: -3 },
    })
  })

  test('of a context go under its name', async () => {
    const { id } = await sampleRun(fixture.database)
    await log(id, { points: [{ context: 'eval', values: { loss: 1, 'val/acc': 2, 'test/acc': 3 } }] })
    expect(Object.keys(await summaries(id))).toEqual(['eval/loss', 'eval/test/acc', 'val/acc'])
  })

  test('count once, however often a batch is sent, alone or among others', async () => {
    const { id } = await sampleRun(fixture.database)
    const first = { writer: { id: 'w', seq: 1 }, points: [{ step: 1, values: { x: 1 } }] }
    const second = { writer: { id: 'w', seq: 2 }, points: [{ step: 2, values: { x: 2 } }] }
    expect(await log(id, first)).toEqual([{ result: 'taken', seq: 1, dropped: 0 }])
    expect(await log(id, first, second, second)).toEqual([
      { result: 'repeated', seq: 1 },
      { result: 'taken', seq: 2, dropped: 0 },
      { result: 'repeated', seq: 2 },
    ])
    expect(await log(id, { ...second, writer: { id: 'w', seq: 4 } })).toEqual([{ result: 'gap', seq: 2 }])
    expect(await log(id, { ...second, writer: { id: 'other', seq: 1 } })).toMatchObject([{ result: 'taken' }])
    expect(await series(id, 'x')).toMatchObject({ values: [1, 2, 2] })
  })

  test('of 64 writers at once, each sending everything twice, are exact', async () => {
    const { id } = await sampleRun(fixture.database)
    const writer = async (n: number) => {
      for (let seq = 1; seq <= 5; seq += 1) {
        const points = Array.from({ length: 10 }, (_, i) => ({ step: seq * 10 + i, values: { loss: n, [`w${n}`]: i } }))
        const body = { writer: { id: `w${n}`, seq }, points }
        await Promise.all([log(id, body), log(id, body)])
      }
    }
    await Promise.all(Array.from({ length: 64 }, (_, n) => writer(n)))
    const found = await summaries(id)
    expect(found['loss']).toMatchObject({ points: 3200, min: 0, max: 63, lastStep: 59 })
    expect(found['w7']).toMatchObject({ points: 50, min: 0, max: 9 })
    expect((await series(id, 'loss'))?.values).toHaveLength(3200)
  })

  test('are not taken for a run that is deleted or was never made', async () => {
    const { id } = await sampleRun(fixture.database)
    await deleteRun(fixture.database, id)
    const body = { points: [{ values: { x: 1 } }] }
    expect(await log(id, body)).toEqual([{ result: 'deleted' }])
    expect(await log(RunId.parse('zzzzzzzzzz'), body)).toEqual([{ result: 'not-found' }])
  })

  test('of more than 2,000 names are counted and dropped', async () => {
    const { id } = await sampleRun(fixture.database)
    const values = Object.fromEntries(Array.from({ length: 2005 }, (_, n) => [`many/${n}`, n]))
    expect(await log(id, { points: [{ values }] })).toEqual([{ result: 'taken', seq: null, dropped: 5 }])
    expect(Object.keys(await summaries(id))).toHaveLength(2000)
  })

  test('are packed when the run ends and now and then, and read the same', async () => {
    const { database } = fixture
    const { id, key } = await sampleRun(database)
    for (let n = 0; n < 257; n += 1) await log(id, { points: [{ step: n, values: { x: n } }] })
    const chunks = async () => {
      const { rows } = await database.query<{ count: number }>(
        `select count(*)::int as count from metric_chunks c join run_streams s on s.attempt_key = c.attempt_key
          where s.run_key = $1`,
        [key],
      )
      return rows[0]?.count
    }
    await compactAttempts(database)
    expect(await chunks()).toBe(1)
    await log(id, { points: [{ step: 257, values: { x: 1 } }] })
    const before = { series: await series(id, 'x'), summaries: await summaries(id) }
    expect(before.series?.values).toHaveLength(258)
    await endRun(database, id, { status: 'completed' })
    await compactAttempts(database)
    expect(await chunks()).toBe(2)
    expect({ series: await series(id, 'x'), summaries: await summaries(id) }).toEqual(before)
  })
})

describe('metrics of a trial', () => {
  async function runningTrial() {
    const { database } = fixture
    const sweep = await ownedSweep(database)
    const agent = await sampleAgent(database)
    const attempt = AttemptId.parse((await issue(database, sweep, [1]))[0])
    const epoch = await claim(database, attempt, agent)
    const id = RunId.parse(`${sweep.id}-1`)
    return { database, agent, attempt, epoch, id }
  }
  const stored = async (id: RunId) => {
    const { rows } = await fixture.database.query<{ points: number; last_value: number }>(
      `select m.points, m.last_value from run_metrics m join runs r on r.key = m.run_key where r.id = $1`,
      [id],
    )
    return rows
  }

  test('are summed up as they come, while it runs and after, each point once', async () => {
    const { database, agent, attempt, epoch, id } = await runningTrial()
    const send = (from: number, values: number[], end = false) =>
      ingestReports(database, agent, [
        report(attempt, epoch, {
          batches: [lossBatch(from, values)],
          ...(end ? { ended: ending('succeeded') } : {}),
        }),
      ])
    await send(0, [0.5, Number.NaN])
    // Live before anything is summed up, the same after.
    const live = await summaries(id)
    expect(live).toMatchObject({ loss: { points: 2, last: Number.NaN, lastStep: 2, min: 0.5, minStep: 1, max: 0.5 } })
    expect(await stored(id)).toEqual([])
    expect(await summariseRunning(database)).toBe(1)
    expect(await summariseRunning(database)).toBe(0)
    expect(await summaries(id)).toEqual(live)
    expect(await stored(id)).toEqual([{ points: 2, last_value: Number.NaN }])
    await send(20, [0.25])
    expect(await summaries(id)).toMatchObject({ loss: { points: 3, last: 0.25, min: 0.25, minStep: 3 } })
    await send(30, [0.75], true)
    const ended = await summaries(id)
    expect(ended).toMatchObject({ loss: { points: 4, last: 0.75, min: 0.25, max: 0.75, maxStep: 4 } })
    await Promise.all([compactAttempts(database), summariseRunning(database), compactAttempts(database)])
    expect(await summaries(id)).toEqual(ended)
    expect(await stored(id)).toEqual([{ points: 4, last_value: 0.75 }])
  })

  test('that was over after its first report are summed up too', async () => {
    const { database, agent, attempt, epoch, id } = await runningTrial()
    const batches = [lossBatch(0, [3])]
    await ingestReports(database, agent, [report(attempt, epoch, { batches, ended: ending('succeeded') })])
    await compactAttempts(database)
    expect(await stored(id)).toEqual([{ points: 1, last_value: 3 }])
    expect(await series(id, 'loss')).toMatchObject({ values: [3] })
  })

  test('packed by a release that knew no summaries are summed up once they are queued', async () => {
    const { database, agent, attempt, epoch, id } = await runningTrial()
    const send = (from: number, end: boolean) =>
      ingestReports(database, agent, [
        report(attempt, epoch, { batches: [lossBatch(from, [1, 2])], ...(end ? { ended: ending('succeeded') } : {}) }),
      ])
    await send(0, false)
    await send(20, true)
    await database.query('update metric_compactions set run_key = null')
    await compactAttempts(database)
    expect(await stored(id)).toEqual([])
    await database.query(
      'insert into metric_compactions (attempt_key, run_key) select key, run_key from attempts where id = $1',
      [attempt],
    )
    await compactAttempts(database)
    expect(await stored(id)).toEqual([{ points: 4, last_value: 2 }])
  })

  test('that began anew are at the last of the new attempt, whichever is summed up first', async () => {
    const { database, agent, attempt, epoch, id } = await runningTrial()
    const batches = [lossBatch(0, [5, 4, 3])]
    await ingestReports(database, agent, [report(attempt, epoch, { batches, ended: ending('lost') })])
    const again = AttemptId.parse(attempt.replace(/1$/, '2'))
    const second = await claim(database, again, agent)
    await ingestReports(database, agent, [report(again, second, { batches: [lossBatch(0, [9])] })])
    const expected = { loss: { points: 4, last: 9, lastStep: 1, min: 3, max: 9 } }
    expect(await summaries(id)).toMatchObject(expected)
    await summariseRunning(database)
    expect(await summaries(id)).toMatchObject(expected)
    await compactAttempts(database)
    expect(await summaries(id)).toMatchObject(expected)
    expect(await stored(id)).toEqual([{ points: 4, last_value: 9 }])
    expect(await series(id, 'loss')).toMatchObject({ steps: [1], values: [9] })
  })

  test('go on where a later attempt begins, together with what its program has logged itself', async () => {
    const { database, agent, attempt, epoch, id } = await runningTrial()
    await ingestReports(database, agent, [
      report(attempt, epoch, {
        batches: [lossBatch(0, [5, 4, 3])],
        ended: ending('lost', { checkpoint: { step: 2, path: '/c' } }),
      }),
    ])
    const again = AttemptId.parse(attempt.replace(/1$/, '2'))
    const second = await claim(database, again, agent)
    await log(id, { points: [{ step: 2, values: { mine: 1 } }] })
    // Goes on after step 2.
    await ingestReports(database, agent, [report(again, second, { batches: [lossBatch(0, [])] })])
    const points = [3, 4].map((step) => ({ step, at: 1, values: { loss: 10 + step } }))
    await ingestReports(database, agent, [
      report(again, second, { batches: [{ source: 'metrics', from: 0, to: 10, points }] }),
    ])
    expect(await series(id, 'loss')).toMatchObject({ steps: [1, 2, 3, 4], values: [5, 4, 13, 14] })
    expect(await series(id, 'mine')).toMatchObject({ values: [1] })
    expect(await summaries(id)).toMatchObject({ loss: { last: 14, points: 5, min: 3, max: 14 }, mine: { last: 1 } })
    await compactAttempts(database)
    await summariseRunning(database)
    expect(await summaries(id)).toMatchObject({ loss: { last: 14, points: 5, min: 3, max: 14 }, mine: { last: 1 } })
  })
})
