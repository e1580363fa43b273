import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'

/** One connection: its statements are planned when the sweep has one trial, and its counts are all there are. */
let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase({ max: 1 })
})
afterAll(() => fixture.drop())

/** Rows of trials that statements have read so far. */
async function trialsRead(): Promise<number> {
  await fixture.database.query('select pg_stat_force_next_flush()')
  const { rows } = await fixture.database.query<{ read: number }>(
    `select seq_tup_read + idx_tup_fetch as read from pg_stat_user_tables where relname = 'trials'`,
  )
  return rows[0]?.read ?? 0
}

test('what an attempt costs does not grow with the trials that its sweep had before', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const run = async (x: number) => {
    const [id] = await issue(database, sweep, [x])
    if (id === undefined) throw new Error('nothing issued')
    const epoch = await claim(database, id, agent)
    await ingestReports(database, agent, [
      report(id, epoch, { batches: [lossBatch(0, [x])], ended: ending('succeeded') }),
    ])
  }
  await database.query('analyze')
  await run(1)
  await issue(
    database,
    sweep,
    Array.from({ length: 300 }, (_, index) => index + 2),
  )
  const before = await trialsRead()
  await run(1000)
  expect((await trialsRead()) - before).toBeLessThan(100)
})
