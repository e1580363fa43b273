import { SweepError } from '@sweep/spec/errors'
import { AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { claimAttempts } from './attempts.ts'
import { readSeries } from './metrics.ts'
import { ingestReports } from './reports.ts'
import { getSweep } from './sweeps.ts'
import { ending, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { createTrials, listTrials } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

/** What every service does: the same call again while the database is away. */
async function patiently<T>(call: () => Promise<T>, onRetry: () => void): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof SweepError) || error.code !== 'unavailable') throw error
      onRetry()
    }
  }
}

test('with connections cut all the time nothing is lost and nothing happens twice', async () => {
  const { database } = fixture
  const trials = 12
  const values = Array.from({ length: 8 }, (_, n) => 1 / (n + 1))
  const sweep = await ownedSweep(database, { budget: { trials } })
  let retries = 0
  let isDone = false
  const again = () => {
    retries += 1
  }
  const cutter = async () => {
    while (!isDone) {
      await database
        .query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`,
        )
        .catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
  }
  const agents = [await sampleAgent(database), await sampleAgent(database), await sampleAgent(database)]
  const cutting = cutter()
  for (let x = 0; x < trials; x += 1) {
    const config = { x }
    await patiently(
      () =>
        createTrials(database, {
          sweepId: sweep.id,
          ownerEpoch: sweep.ownerEpoch,
          basis: 1,
          // Asked again after a commit whose answer was lost, the config is a duplicate.
          trials: [{ config, source: 'sampler', reason: 'test' }],
        }),
      again,
    )
  }
  const attemptIds = Array.from({ length: trials }, (_, n) => AttemptId.parse(`${sweep.id}-${n + 1}-1`))
  await Promise.all(
    agents.map(async (agentId) => {
      // A claim whose answer was lost leaves a lease that nobody renews; here the agent finds it by its own row.
      await patiently(() => claimAttempts(database, { attemptIds, agentId, leaseMs: 600_000 }), again)
      const mine = await patiently(
        () =>
          database.query<{ id: AttemptId; epoch: number }>(
            `select id, epoch from attempts where agent_id = $1 and state = 'running' order by id`,
            [agentId],
          ),
        again,
      )
      for (const [index, value] of values.entries()) {
        const reports = mine.rows.map(({ id, epoch }) =>
          report(id, epoch, {
            batches: [lossBatch(index * 10, [value])],
            ended: index === values.length - 1 ? ending('succeeded') : undefined,
          }),
        )
        await patiently(() => ingestReports(database, agentId, reports), again)
      }
    }),
  )
  isDone = true
  await cutting
  expect(retries).toBeGreaterThan(0)
  expect(await patiently(() => checkInvariants(database), again)).toEqual([])
  expect(await getSweep(database, sweep.id)).toMatchObject({ createdTrials: trials, trials: { completed: trials } })
  for (const trial of await listTrials(database, { sweepId: sweep.id })) {
    const series = await readSeries(database, { sweepId: sweep.id, trial: trial.number, name: 'loss' })
    expect(series?.values).toEqual(values)
  }
})
