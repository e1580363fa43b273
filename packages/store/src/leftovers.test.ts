import { KubernetesPod } from '@sweep/spec/document/kubernetes-pod'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { expireLeases } from './attempts.ts'
import { claimsThatAreOver, namespacesOfLost } from './leftovers.ts'
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

test('lost agents may have left something where sweeps say that their pods are, for a month', async () => {
  const { database } = fixture
  const agentId = await sampleAgent(database)
  const inCluster = (namespace: string | undefined) => ({
    launcher: 'kubernetes' as const,
    kubernetes: { ...KubernetesPod.parse({ image: 'a' }), ...(namespace === undefined ? {} : { namespace }) },
  })
  const running = async (changes: Partial<SweepDocument>) => {
    const [id] = await issue(database, await ownedSweep(database, changes), [1])
    if (id === undefined) throw new Error('there is one')
    return { id, epoch: await claim(database, id, agentId) }
  }
  const ends = await running(inCluster('ends'))
  await ingestReports(database, agentId, [report(ends.id, ends.epoch, { ended: ending('succeeded') })])
  const lost = [await running(inCluster('b')), await running(inCluster('a')), await running(inCluster('a'))]
  lost.push(await running(inCluster(undefined)), await running({}))
  const living = await running(inCluster('lives'))
  const lose = async (ids: readonly string[]) => {
    await database.query(`update attempts set lease_until = now() - interval '1 hour' where id = any($1)`, [ids])
    await expireLeases(database, { agentLeaseMs: 3_600_000 })
  }
  await lose(lost.map(({ id }) => id))
  expect(await namespacesOfLost(database)).toEqual(['a', 'b'])
  await database.query(`update attempts set ended_at = now() - interval '31 days' where id = $1`, [lost[0]?.id])
  expect(await namespacesOfLost(database)).toEqual(['a'])
  await lose([living.id])
  expect(await namespacesOfLost(database)).toEqual(['a', 'lives'])
})
