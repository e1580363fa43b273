import { AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { compactAttempts, readSeries } from './metrics.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, ownedSweep, report, sampleAgent } from './testing/samples.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

async function run(reports: number, linesEach: number) {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const attempt = AttemptId.parse((await issue(database, sweep, [1]))[0])
  const epoch = await claim(database, attempt, agent)
  let step = 0
  const send = async (end = false) => {
    const points = Array.from({ length: linesEach }, () => {
      step += 1
      const values: Record<string, number> = step % 3 === 0 ? { loss: 1 / step } : { loss: 1 / step, accuracy: step }
      return { step, at: 1000 + step, values }
    })
    const batch = { source: 'metrics' as const, from: step - linesEach, to: step, points }
    const ended = end ? ending('succeeded') : undefined
    await ingestReports(database, agent, [report(attempt, epoch, { batches: [batch], ended })])
  }
  for (let n = 1; n < reports; n += 1) await send()
  const read = async () => ({
    loss: await readSeries(database, { sweepId: sweep.id, trial: 1, name: 'loss' }),
    accuracy: await readSeries(database, { sweepId: sweep.id, trial: 1, name: 'accuracy' }),
  })
  const rows = async () => {
    const result = await database.query<{ batches: number; chunks: number; largest: number | null }>(
      `select (select count(*) from metric_batches where attempt_key = a.key) as batches,
              (select count(*) from metric_chunks where attempt_key = a.key) as chunks,
              (select max(count) from metric_chunks where attempt_key = a.key) as largest
         from attempts a where a.id = $1`,
      [attempt],
    )
    return result.rows[0]
  }
  return { database, send, read, rows }
}

test('packing changes nothing of what is read', async () => {
  const { database, send, read, rows } = await run(30, 90)
  expect(await compactAttempts(database)).toBe(0)
  await send(true)
  const before = await read()
  expect(before.loss?.values).toHaveLength(2700)
  expect(await compactAttempts(database)).toBe(1)
  expect(await rows()).toEqual({ batches: 0, chunks: 5, largest: 1000 })
  expect(await read()).toEqual(before)
  expect(await compactAttempts(database)).toBe(0)
})

test('several that pack at once share the work and lose nothing', async () => {
  const runs = await Promise.all([1, 2, 3, 4].map(() => run(3, 20)))
  for (const one of runs) await one.send(true)
  const before = await Promise.all(runs.map((one) => one.read()))
  const counts = await Promise.all([1, 2, 3].map(() => compactAttempts(fixture.database)))
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4)
  expect(await Promise.all(runs.map((one) => one.read()))).toEqual(before)
})

test('a long run is packed while it goes on', async () => {
  const { database, send, read, rows } = await run(258, 2)
  expect(await compactAttempts(database)).toBe(1)
  expect(await rows()).toMatchObject({ batches: 0, chunks: 2 })
  await send()
  await send(true)
  const before = await read()
  expect(before.loss?.steps).toEqual(Array.from({ length: 518 }, (_, n) => n + 1))
  expect(await compactAttempts(database)).toBe(1)
  expect(await read()).toEqual(before)
})

test('a series that was never reported is empty, of an unknown trial undefined', async () => {
  const { database, read } = await run(2, 1)
  const id = (await read()).loss
  expect(id?.values).toHaveLength(1)
  const sweep = await ownedSweep(database)
  await issue(database, sweep, [1])
  expect(await readSeries(database, { sweepId: sweep.id, trial: 1, name: 'x' })).toMatchObject({ values: [] })
  expect(await readSeries(database, { sweepId: sweep.id, trial: 2, name: 'x' })).toBeUndefined()
})
