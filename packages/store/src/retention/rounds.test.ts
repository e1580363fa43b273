import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { takeServiceLease } from '../service-leases.ts'
import { sampleRun } from '../testing/sample-run.ts'
import { RETENTION_LEASE, retentionRounds, retentionStep } from './rounds.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
  await sampleRun(fixture.database)
})
afterAll(() => fixture.drop())

test('nothing is done by whoever has lost the lease, and nobody takes it in the middle of a step', async () => {
  const { database } = fixture
  const step = (owner: string, work: () => Promise<unknown>) =>
    retentionStep(database, 1, { owner, ms: 1 }, async () => {
      await work()
      return { archivedRuns: 1 }
    })
  const never = async () => {
    throw new Error('was done')
  }
  expect(await step('a', never)).toBe(false)
  await takeServiceLease(database, RETENTION_LEASE, 'a', 60_000)
  expect(await step('b', never)).toBe(false)

  let taking: Promise<boolean> | undefined
  let isTaken = false
  const done = await step('a', async () => {
    // It holds it for a millisecond only, and still until the step is over.
    taking = takeServiceLease(database, RETENTION_LEASE, 'b', 60_000)
    void taking.then(() => {
      isTaken = true
    })
    await database.query('select pg_sleep(0.3)')
    expect(isTaken).toBe(false)
  })
  expect(done).toBe(true)
  expect(await taking).toBe(true)
  expect(await step('a', never)).toBe(false)
  expect((await retentionRounds(database, 1)).rounds).toMatchObject([{ archivedRuns: 1, endedAt: null }])
})
