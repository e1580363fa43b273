import { AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { freeRuns } from './free-runs.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

test('a run folder is free once its trial is over and not among the best, and in a population once that is over', async () => {
  const { database } = fixture
  const ended: Record<string, string[]> = {}
  const all: AttemptId[] = [AttemptId.parse('zzzzzzzzzz-1-1')]
  const agent = await sampleAgent(database, { slots: Array.from({ length: 20 }, (_, index) => ({ index })) })
  for (const method of ['random', 'pbt'] as const) {
    const sweep = await ownedSweep(database, { method, retry: { max: 1, lostMax: 3 } })
    const attempts = await issue(database, sweep, [1, 2, 3, 4, 5])
    // The last two wait and run; one of the others is retried.
    for (const [index, id] of attempts.slice(0, 4).entries()) {
      const epoch = await claim(database, id, agent)
      const batches = [lossBatch(0, [index])]
      const cause = index === 2 ? 'user-error' : 'succeeded'
      const end = index === 3 ? {} : { ended: ending(cause, cause === 'user-error' ? { exitCode: 1 } : {}) }
      await ingestReports(database, agent, [report(id, epoch, { batches, ...end })])
    }
    all.push(...attempts)
    ended[method] = attempts
  }
  const free = (bestKept: number) => freeRuns(database, all, { bestKept, populations: ['pbt'] })
  const [first, second] = ended['random'] ?? []
  expect(await free(1)).toEqual([second])
  expect((await free(0)).sort()).toEqual([first, second])
  expect(await free(5)).toEqual([])
  await database.query(`update sweeps set state = 'stopped', ended_at = now()`)
  expect((await free(1)).sort()).toEqual([second, ended['pbt']?.[1]].sort())
})
