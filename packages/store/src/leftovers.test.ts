import { AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { claimsThatAreOver } from './leftovers.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, ownedSweep, report, sampleAgent } from './testing/samples.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

test('a claim is over once its attempt has ended or is claimed anew; one that is alive, waits or is unknown is not', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { parallelism: 3 })
  const [ended, living, waiting] = await issue(database, sweep, [1, 2, 3])
  if (ended === undefined || living === undefined || waiting === undefined) throw new Error('there are three')
  const agentId = await sampleAgent(database)
  const endedEpoch = await claim(database, ended, agentId)
  const livingEpoch = await claim(database, living, agentId)
  const unknown = AttemptId.parse('zzzzzzzzzz-1-1')
  const asked = [
    { attemptId: ended, epoch: endedEpoch },
    { attemptId: living, epoch: livingEpoch },
    { attemptId: living, epoch: livingEpoch - 1 },
    { attemptId: waiting, epoch: 1 },
    { attemptId: unknown, epoch: 1 },
  ]
  expect(await claimsThatAreOver(database, asked)).toEqual([{ attemptId: living, epoch: livingEpoch - 1 }])
  await ingestReports(database, agentId, [report(ended, endedEpoch, { ended: ending('succeeded') })])
  expect(await claimsThatAreOver(database, asked)).toEqual([
    { attemptId: ended, epoch: endedEpoch },
    { attemptId: living, epoch: livingEpoch - 1 },
  ])
  expect(await claimsThatAreOver(database, [])).toEqual([])
})
