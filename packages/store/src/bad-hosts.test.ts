import type { Cause } from '@sweep/spec/attempt'
import type { AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import { attemptParts } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { getAgent } from './agents.ts'
import { drainBadHost, excuseVictims, suspectAgents } from './bad-hosts.ts'
import { loadFacts } from './facts.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { getTrial } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

let queues = 0
const nextQueue = () => `pool-${++queues}`

/** Claims an attempt and ends it; returns the attempts that were queued for it. */
async function run(attempt: AttemptId, agent: AgentId, cause: Cause, seconds = 2): Promise<AttemptId[]> {
  const epoch = await claim(fixture.database, attempt, agent)
  const batches = cause === 'succeeded' ? [lossBatch(0, [0.5])] : []
  const { queued } = await ingestReports(fixture.database, agent, [
    report(attempt, epoch, { batches, ended: ending(cause, { seconds, message: 'no CUDA device' }) }),
  ])
  return queued.map((one) => one.attemptId)
}

async function runAll(attempts: readonly AttemptId[], agent: AgentId, cause: Cause): Promise<void> {
  for (const attempt of attempts) await run(attempt, agent, cause)
}

async function isSuspect(agent: AgentId): Promise<boolean> {
  return (await suspectAgents(fixture.database)).some(({ id }) => id === agent)
}

async function factsOf(sweepId: SweepId) {
  return await loadFacts(fixture.database, sweepId, 0, 1000)
}

/** A sweep of ten trials of which a good host has run three. */
async function scene() {
  const { database } = fixture
  const queues = [nextQueue()]
  const sweep = await ownedSweep(database, { queue: queues[0] })
  const bad = await sampleAgent(database, { host: 'bad', name: 'host-3', queues })
  const good = await sampleAgent(database, { host: 'good', queues })
  const attempts = await issue(database, sweep, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  await runAll(attempts.slice(0, 3), good, 'succeeded')
  return { database, sweep, bad, good, attempts, rest: attempts.slice(3) }
}

test('a host on which configs fail that run elsewhere is drained, and its victims run again free of charge', async () => {
  const { database, sweep, bad, good, rest } = await scene()
  await runAll(rest.slice(0, 2), bad, 'user-error')
  expect(await isSuspect(bad)).toBe(true)
  expect(await drainBadHost(database, bad)).toBeUndefined()
  expect(await excuseVictims(database)).toEqual({ queued: [], sweepIds: [] })
  await runAll(rest.slice(2, 3), bad, 'user-error')
  const reason = await drainBadHost(database, bad)
  expect(reason).toMatch(/^3 different configs in a row failed on it/)
  expect(await getAgent(database, bad)).toMatchObject({ state: 'draining', stateReason: reason })
  expect(await isSuspect(bad)).toBe(false)
  expect(await drainBadHost(database, good)).toBeUndefined()

  const { queued, sweepIds } = await excuseVictims(database)
  expect(sweepIds).toEqual([sweep.id])
  expect(queued.map((one) => attemptParts(one.attemptId))).toMatchObject(
    [4, 5, 6].map((trial) => ({ trial, attempt: 2 })),
  )
  expect(await excuseVictims(database)).toEqual({ queued: [], sweepIds: [] })
  const facts = await factsOf(sweep.id)
  expect(facts.at(-1)).toMatchObject({ kind: 'agent-drained', agent: 'host-3', trials: [4, 5, 6], reason })
  expect(facts.findLast((fact) => fact.kind === 'attempt-queued')?.reason).toBe(
    `agent host-3 was drained: ${reason}; run again free of charge`,
  )
  for (const { attemptId } of queued) await run(attemptId, good, 'succeeded')
  expect(await getTrial(database, sweep.id, 4)).toMatchObject({ state: 'completed', attempts: 2 })
})

test('what a drained host still ends is excused as well, but not what failed before its last success', async () => {
  const { database, bad, rest } = await scene()
  const [early, fine, ...others] = rest
  if (early === undefined || fine === undefined) throw new Error('too few')
  await run(early, bad, 'user-error')
  await run(fine, bad, 'succeeded')
  const last = others[3] as AttemptId
  const epoch = await claim(database, last, bad)
  await runAll(others.slice(0, 3), bad, 'bad-command')
  expect(await drainBadHost(database, bad)).toBeDefined()
  expect((await excuseVictims(database)).queued).toHaveLength(3)
  await ingestReports(database, bad, [report(last, epoch, { ended: ending('user-error') })])
  expect((await excuseVictims(database)).queued.map((one) => attemptParts(one.attemptId).trial)).toEqual([9])
})

test('a retry that such a host has cost is given back', async () => {
  const { database } = fixture
  const queues = [nextQueue()]
  const sweep = await ownedSweep(database, { queue: queues[0], retry: { max: 1, lostMax: 3 } })
  const bad = await sampleAgent(database, { host: 'bad', queues })
  const good = await sampleAgent(database, { host: 'good', queues })
  const attempts = await issue(database, sweep, [1, 2, 3, 4, 5, 6])
  await runAll(attempts.slice(3), good, 'succeeded')
  const again: AttemptId[] = []
  for (const attempt of attempts.slice(0, 3)) again.push(...(await run(attempt, bad, 'user-error')))
  expect(again).toHaveLength(3)
  expect(await drainBadHost(database, bad)).toBeDefined()
  expect((await excuseVictims(database)).queued).toEqual([])
  // It fails for the first time that counts, so its one retry is left.
  expect(await run(again[0] as AttemptId, good, 'user-error')).toHaveLength(1)
})

test('when a sweep fails on every host nobody is drained', async () => {
  const { database } = fixture
  const queues = [nextQueue()]
  const sweep = await ownedSweep(database, { queue: queues[0] })
  const agents = [
    await sampleAgent(database, { host: 'a', queues }),
    await sampleAgent(database, { host: 'b', queues }),
  ]
  const attempts = await issue(database, sweep, [1, 2, 3, 4, 5, 6, 7, 8])
  for (const [index, attempt] of attempts.entries()) await run(attempt, agents[index % 2] as AgentId, 'user-error')
  for (const agent of agents) expect(await drainBadHost(database, agent)).toBeUndefined()
})

test('the last host that serves a queue is not drained', async () => {
  const { database, bad, good, rest } = await scene()
  await runAll(rest.slice(0, 3), bad, 'node-fault')
  await database.query(`update agents set state = 'draining' where id = $1`, [good])
  expect(await drainBadHost(database, bad)).toBeUndefined()
  await database.query(`update agents set state = 'ready' where id = $1`, [good])
  expect(await drainBadHost(database, bad)).toBeDefined()
})

test('an agent that registers anew is judged anew', async () => {
  const { database, bad, rest } = await scene()
  await runAll(rest.slice(0, 2), bad, 'user-error')
  await database.query('update agents set ready_since = clock_timestamp() where id = $1', [bad])
  await runAll(rest.slice(2, 3), bad, 'user-error')
  expect(await drainBadHost(database, bad)).toBeUndefined()
})

test('a config that fails on a second host is not tried on a third, and says where it failed', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { retry: { max: 5, lostMax: 5 } })
  const one = await sampleAgent(database, { host: 'host-1' })
  const two = await sampleAgent(database, { host: 'host-2' })
  const [first] = await issue(database, sweep, [1])
  const [second] = await run(first as AttemptId, one, 'user-error')
  const [third] = await run(second as AttemptId, one, 'user-error')
  expect(await run(third as AttemptId, two, 'oom')).toEqual([])
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({
    state: 'failed',
    attempts: 3,
    reason: 'no CUDA device; it failed on host-1 too, so no further host is tried',
  })
})
