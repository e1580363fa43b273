import { AgentId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { heartbeats } from './heartbeats.ts'
import { ingestReports } from './reports.ts'
import { claim, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'

const MINUTE = 60_000
const room = { slots: 1, gpuSlots: 0, cpus: 1, memoryBytes: 1e9 }

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

/** Two agents, of which each runs one attempt, under leases of a minute. */
async function twoAgents() {
  const { database } = fixture
  const sweep = await ownedSweep(database, { parallelism: 2 })
  const ids = await issue(database, sweep, [1, 2])
  return Promise.all(
    ids.map(async (attemptId) => {
      const agentId = await sampleAgent(database)
      const epoch = await claim(database, attemptId, agentId)
      await setLease(attemptId, MINUTE)
      return { agentId, attemptId, epoch }
    }),
  )
}

async function setLease(attemptId: string, leftMs: number): Promise<void> {
  await fixture.database.query(`update attempts set lease_until = now() + $2 * interval '1 ms' where id = $1`, [
    attemptId,
    leftMs,
  ])
}

async function leftMs(attemptId: string): Promise<number> {
  const { rows } = await fixture.database.query<{ ms: number }>(
    `select (extract(epoch from lease_until - clock_timestamp()) * 1000)::float8 as ms from attempts where id = $1`,
    [attemptId],
  )
  return rows[0]?.ms ?? 0
}

function beat(agentId: AgentId, ...attempts: { attemptId: Parameters<typeof claim>[1]; epoch: number }[]) {
  const named = attempts.map(({ attemptId, epoch }) => ({ attemptId, epoch }))
  return { agentId, beat: { room, draining: false, attempts: named } }
}

test('each agent hears of its own attempts, whoever else is heard along', async () => {
  const [a, b] = await twoAgents()
  if (a === undefined || b === undefined) throw new Error('there are two')
  const stranger = AgentId.parse('zzzzzzzzzz')
  const others = { ...b, attemptId: a.attemptId }
  const renewal = { leaseMs: 2 * MINUTE, sureMs: 2 * MINUTE }
  const answers = await heartbeats(
    fixture.database,
    [beat(a.agentId, a), beat(stranger, a), beat(b.agentId, others, b)],
    renewal,
  )
  expect(answers.map((answer) => answer?.attempts.map(({ status }) => status))).toEqual([
    ['ok'],
    undefined,
    ['fenced', 'ok'],
  ])
  for (const { attemptId } of [a, b]) expect(await leftMs(attemptId)).toBeGreaterThan(1.9 * MINUTE)
  const [late] = await heartbeats(fixture.database, [beat(a.agentId, { ...a, epoch: a.epoch - 1 })], renewal)
  expect(late?.attempts[0]?.status).toBe('fenced')
  await setLease(a.attemptId, MINUTE)
  await heartbeats(fixture.database, [beat(b.agentId, others)], renewal)
  expect(await leftMs(a.attemptId)).toBeLessThanOrEqual(MINUTE)
})

test('a lease with enough left is not written anew, but its attempt is as well as any', async () => {
  const [a, b] = await twoAgents()
  if (a === undefined || b === undefined) throw new Error('there are two')
  await setLease(b.attemptId, MINUTE / 2)
  const renewal = { leaseMs: 10 * MINUTE, sureMs: 0.75 * MINUTE }
  const answers = await heartbeats(fixture.database, [beat(a.agentId, a), beat(b.agentId, b)], renewal)
  expect(answers.map((answer) => answer?.attempts[0]?.status)).toEqual(['ok', 'ok'])
  expect(await leftMs(a.attemptId)).toBeLessThan(MINUTE)
  expect(await leftMs(b.attemptId)).toBeGreaterThan(9 * MINUTE)
})

test('a report renews the lease of what it is about', async () => {
  const [a, b] = await twoAgents()
  if (a === undefined || b === undefined) throw new Error('there are two')
  const reports = [report(a.attemptId, a.epoch, { batches: [lossBatch(0, [0.5])] })]
  await ingestReports(fixture.database, a.agentId, reports, { leaseMs: 10 * MINUTE, attemptIds: [] })
  expect(await leftMs(a.attemptId)).toBeGreaterThan(9 * MINUTE)
  expect(await leftMs(b.attemptId)).toBeLessThan(MINUTE)
})
