import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { loadFacts } from './facts.ts'
import { leaderboard } from './leaderboard.ts'
import { readSeries } from './metrics.ts'
import { ingestReports } from './reports.ts'
import { endSweep } from './sweep-control.ts'
import { getSweep } from './sweeps.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { getTrial } from './trials.ts'

let test1: TestDatabase
beforeAll(async () => {
  test1 = await testDatabase()
})
afterAll(() => test1.drop())

test('a sweep of two trials goes from its creation to its end', async () => {
  const { database } = test1
  const sweep = await ownedSweep(database, { parallelism: 2, budget: { trials: 2 } })
  const agent = await sampleAgent(database)
  const [first, second] = await issue(database, sweep, [1, 2])
  if (first === undefined || second === undefined) throw new Error('two trials were issued')
  const epochs = [await claim(database, first, agent), await claim(database, second, agent)]
  const ingested = await ingestReports(database, agent, [
    report(first, epochs[0] ?? 0, { batches: [lossBatch(0, [0.5, 0.3])] }),
    report(second, epochs[1] ?? 0, { batches: [lossBatch(0, [0.4])], ended: ending('succeeded') }),
  ])
  expect(ingested.statuses.map((status) => status.offsets?.metrics)).toEqual([20, 10])
  expect(ingested.sweepIds).toEqual([sweep.id])
  await ingestReports(database, agent, [report(first, epochs[0] ?? 0, { ended: ending('succeeded') })])

  expect(await getSweep(database, sweep.id)).toMatchObject({
    outstanding: 0,
    trials: { completed: 2 },
    best: { trial: 1, value: 0.3, config: { x: 1 } },
  })
  expect(await getTrial(database, sweep.id, 2)).toMatchObject({ state: 'completed', value: 0.4, cause: 'succeeded' })
  const board = await leaderboard(database, { sweepId: sweep.id })
  expect(board.rows.map((row) => [row.rank, row.number, row.value])).toEqual([
    [1, 1, 0.3],
    [2, 2, 0.4],
  ])
  expect(await readSeries(database, { sweepId: sweep.id, trial: 1, name: 'loss' })).toEqual({
    name: 'loss',
    steps: [1, 2],
    values: [0.5, 0.3],
    times: [1000, 1001],
  })
  expect(await endSweep(database, sweep.id, sweep.ownerEpoch, 'the budget of 2 trials is used up')).toEqual({
    result: 'ended',
  })
  const facts = await loadFacts(database, sweep.id, 0)
  expect(facts.map((fact) => fact.kind)).toEqual([
    'sweep-created',
    'trial-created',
    'attempt-queued',
    'trial-created',
    'attempt-queued',
    'attempt-started',
    'attempt-started',
    'report',
    'report',
    'report',
    'attempt-ended',
    'trial-ended',
    'attempt-ended',
    'trial-ended',
    'sweep-ended',
  ])
  expect(await checkInvariants(database)).toEqual([])
})
