import { AgentId, AttemptId } from '@sweep/spec/ids'
import { RegisterAgent } from '@sweep/spec/wire/agent-protocol'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { getAgent, pendingStops, registerAgent } from './agents.ts'
import { agentOfRunning, getAttempt, listAttempts } from './attempt-record.ts'
import {
  cancelQueued,
  claimAttempt,
  claimAttempts,
  endLeftBehind,
  expireLeases,
  markTicketed,
  queuedWithoutTicket,
} from './attempts.ts'
import { loadFacts } from './facts.ts'
import { heartbeat } from './heartbeats.ts'
import { ingestReports } from './reports.ts'
import { askStop } from './stops.ts'
import { budgetUse, changeSweep, controlSweep, endSweep } from './sweep-control.ts'
import { getSweep } from './sweeps.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, SAMPLE_AGENT, sampleAgent } from './testing/samples.ts'
import { enqueueConfig, getTrial } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterEach(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
})
afterAll(() => fixture.drop())

const room = { slots: 2, gpuSlots: 0, cpus: 2, memoryBytes: 1e9 }

async function one(values: Parameters<typeof ownedSweep>[1] = {}) {
  const sweep = await ownedSweep(fixture.database, values)
  const agent = await sampleAgent(fixture.database)
  const [attempt] = await issue(fixture.database, sweep, [1])
  return { database: fixture.database, sweep, agent, attempt: AttemptId.parse(attempt) }
}

test('of twenty agents that claim one attempt at once, one gets it', async () => {
  const { database, attempt } = await one()
  const agents = await Promise.all(Array.from({ length: 20 }, () => sampleAgent(database)))
  const results = await Promise.all(
    agents.map((agentId) => claimAttempt(database, { attemptId: attempt, agentId, leaseMs: 60_000 })),
  )
  expect(results.map((result) => result.result).sort()).toEqual([
    'claimed',
    ...Array.from({ length: 19 }, () => 'gone'),
  ])
})

test('an attempt with two tickets is claimed once', async () => {
  const { database, sweep, agent, attempt } = await one()
  const twice = { agentId: agent, leaseMs: 60_000, attemptIds: [attempt, attempt] }
  expect(await claimAttempts(database, twice)).toMatchObject([{ result: 'claimed', attemptId: attempt }])
  expect(await claimAttempts(database, twice)).toEqual([{ result: 'gone', attemptId: attempt }])

  const [next] = await issue(database, sweep, [2])
  const along = { leaseMs: 60_000, attemptIds: [AttemptId.parse(next), AttemptId.parse(next)] }
  const ended = report(attempt, 1, { ended: ending('succeeded') })
  expect((await ingestReports(database, agent, [ended], along)).claims).toMatchObject([{ result: 'claimed' }])
})

test('a claim gives what a run needs and starts lease, trial and sweep', async () => {
  const { database, sweep, agent, attempt } = await one()
  expect((await getSweep(database, sweep.id))?.startedAt).toBeNull()
  expect(await claimAttempt(database, { attemptId: attempt, agentId: agent, leaseMs: 60_000 })).toEqual({
    result: 'claimed',
    attemptId: attempt,
    epoch: 1,
    sweepId: sweep.id,
    trial: 1,
    attempt: 1,
    replicate: 0,
    config: { x: 1 },
    restore: null,
  })
  expect((await getSweep(database, sweep.id))?.startedAt).toBeInstanceOf(Date)
  expect(await agentOfRunning(database, attempt, 1)).toBe(agent)
  expect(await agentOfRunning(database, attempt, 2)).toBeUndefined()
})

test('more agents than parallelism allows are held, at every instant', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { parallelism: 3 })
  const agents = await Promise.all(Array.from({ length: 6 }, () => sampleAgent(database)))
  const attempts = await issue(database, sweep, [1, 2, 3, 4, 5, 6])
  const results = await Promise.all(
    attempts.map((attemptId, index) =>
      claimAttempt(database, { attemptId, agentId: AgentId.parse(agents[index]), leaseMs: 60_000 }),
    ),
  )
  expect(results.filter((result) => result.result === 'claimed')).toHaveLength(3)
  expect(results.filter((result) => result.result === 'held')).toHaveLength(3)
  await changeSweep(database, sweep.id, { parallelism: 4 }, 'me')
  const more = await claimAttempts(database, {
    attemptIds: attempts,
    agentId: AgentId.parse(agents[0]),
    leaseMs: 60_000,
  })
  expect(more.map((result) => result.result).sort()).toEqual(['claimed', 'gone', 'gone', 'gone', 'held', 'held'])
})

test('a claim and a pause that race: afterwards either it runs or the sweep has it still', async () => {
  const { database } = fixture
  for (let round = 0; round < 10; round += 1) {
    const { sweep, agent, attempt } = await one()
    const [claimed] = await Promise.all([
      claimAttempt(database, { attemptId: attempt, agentId: agent, leaseMs: 60_000 }),
      controlSweep(database, sweep.id, 'pause', 'me'),
    ])
    const facts = await loadFacts(database, sweep.id, 0)
    const paused = facts.findIndex((fact) => fact.kind === 'control')
    const started = facts.findIndex((fact) => fact.kind === 'attempt-started')
    expect(claimed.result).toBe(started === -1 ? 'held' : 'claimed')
    expect(started).toBeLessThan(paused)
  }
})

test('an attempt of a sweep that is stopping or over, or that never was, is gone', async () => {
  const { database, sweep, agent, attempt } = await one()
  await controlSweep(database, sweep.id, 'stop', 'me')
  expect(await claimAttempt(database, { attemptId: attempt, agentId: agent, leaseMs: 1000 })).toMatchObject({
    result: 'gone',
  })
  const never = AttemptId.parse('zzzzzzzzzz-1-1')
  expect(await claimAttempts(database, { attemptIds: [never], agentId: agent, leaseMs: 1000 })).toEqual([
    { result: 'gone', attemptId: never },
  ])
  expect(await claimAttempts(database, { attemptIds: [], agentId: agent, leaseMs: 1000 })).toEqual([])
})

test('an agent that nobody knows claims nothing', async () => {
  const { database, attempt } = await one()
  const stranger = AgentId.parse('zzzzzzzzzz')
  await expect(claimAttempt(database, { attemptId: attempt, agentId: stranger, leaseMs: 1000 })).rejects.toMatchObject({
    code: 'fenced',
  })
})

test('what an agent that was started anew does not know of is lost at once, and nothing else', async () => {
  const { database, sweep, agent, attempt: kept } = await one()
  const [left, anothers] = (await issue(database, sweep, [2, 3])).map((id) => AttemptId.parse(id))
  if (left === undefined || anothers === undefined) throw new Error('too few')
  await claim(database, kept, agent)
  await claim(database, left, agent)
  await claim(database, anothers, await sampleAgent(database))
  const again = await getAgent(database, agent)
  if (again === undefined) throw new Error('no agent')
  await registerAgent(database, agent, RegisterAgent.parse({ ...SAMPLE_AGENT, name: again.name }))
  expect(await endLeftBehind(database, agent, [kept])).toMatchObject({
    ended: [left],
    queued: [{ attemptId: `${sweep.id}-2-2` }],
    sweepIds: [sweep.id],
  })
  const facts = await loadFacts(database, sweep.id, 0)
  expect(facts.filter((fact) => fact.kind === 'attempt-ended')).toMatchObject([
    { cause: 'lost', message: expect.stringMatching(/^agent .* was started anew without it$/) },
  ])
})

test('an expired lease ends the attempt as lost; the next begins from its checkpoint with a higher epoch', async () => {
  const { database, sweep, agent, attempt } = await one()
  await claim(database, attempt, agent, 0)
  const lost = await expireLeases(database, { agentLeaseMs: 60_000 })
  expect(lost).toEqual({
    ended: [attempt],
    queued: [{ attemptId: `${sweep.id}-1-2`, queueName: 'sweep-default-any', tickets: 0 }],
    sweepIds: [sweep.id],
  })
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({ state: 'queued', cause: 'lost', lostFailures: 1 })
  expect(await claim(database, AttemptId.parse(`${sweep.id}-1-2`), agent)).toBe(2)
  expect((await listAttempts(database, sweep.id, 1)).map((row) => [row.state, row.cause])).toEqual([
    ['ended', 'lost'],
    ['running', null],
  ])
  expect(await expireLeases(database, { agentLeaseMs: 60_000 })).toEqual({ ended: [], queued: [], sweepIds: [] })
})

test('a trial whose agents are lost again and again is given up after retry.lostMax', async () => {
  const { database, sweep, agent } = await one({ retry: { max: 0, lostMax: 2 } })
  for (const number of [1, 2, 3]) {
    await claim(database, AttemptId.parse(`${sweep.id}-1-${number}`), agent, 0)
    await expireLeases(database, { agentLeaseMs: 60_000 })
  }
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({
    state: 'failed',
    attempts: 3,
    lostFailures: 3,
    failure: { cause: 'lost' },
  })
})

test('a heartbeat keeps the leases it names, in their epoch, and no other', async () => {
  const { database, agent, attempt, sweep } = await one()
  const [second] = await issue(database, sweep, [2])
  const other = AttemptId.parse(second)
  const epoch = await claim(database, attempt, agent, 0)
  await claim(database, other, agent, 0)
  const beat = await heartbeat(
    database,
    agent,
    {
      room,
      draining: false,
      attempts: [
        { attemptId: attempt, epoch },
        { attemptId: other, epoch: 7 },
      ],
    },
    60_000,
  )
  expect(beat).toEqual({
    attempts: [
      { attemptId: attempt, status: 'ok', offsets: { metrics: 0, output: 0, log: 0 }, stop: null },
      { attemptId: other, status: 'fenced', stop: null },
    ],
    drain: false,
  })
  expect((await expireLeases(database, { agentLeaseMs: 60_000 })).ended).toEqual([other])
  expect(await agentOfRunning(database, attempt, epoch)).toBeDefined()
})

test('an agent that is silent for its lease is gone, and back when it speaks', async () => {
  const { database, agent } = await one()
  await expireLeases(database, { agentLeaseMs: 0 })
  expect((await getAgent(database, agent))?.state).toBe('gone')
  await heartbeat(database, agent, { room, draining: false, attempts: [] }, 1000)
  expect((await getAgent(database, agent))?.state).toBe('ready')
})

test('a stop is stored once, told to the agent everywhere, and a cancel overrules a softer one', async () => {
  const { database, sweep, agent, attempt } = await one()
  const epoch = await claim(database, attempt, agent)
  const ask = (reason: 'pruned' | 'cancelled' | 'stopped', value = Number.NaN) =>
    askStop(database, {
      sweepId: sweep.id,
      ownerEpoch: sweep.ownerEpoch,
      basis: 4,
      by: 'asha',
      stops: [{ trial: 1, reason, verdict: { reason: 'NaN is outside the best 1 of 3', rung: 1, value } }],
    })
  const place = { trial: 1, attemptId: attempt, agentId: agent }
  expect(await ask('pruned')).toEqual([{ ...place, result: 'asked' }])
  expect(await ask('stopped')).toEqual([{ ...place, result: 'already' }])
  const verdict = { reason: 'NaN is outside the best 1 of 3', rung: 1, value: Number.NaN }
  expect(await pendingStops(database, agent)).toEqual([
    { type: 'stop', attemptId: attempt, epoch, reason: 'pruned', verdict },
  ])
  const told = await ingestReports(database, agent, [report(attempt, epoch)])
  expect(told.statuses[0]?.stop).toEqual({ reason: 'pruned', verdict })
  expect(await ask('cancelled')).toEqual([{ ...place, result: 'asked' }])
  expect((await pendingStops(database, agent))[0]?.reason).toBe('cancelled')
})

test('an end and a prune that race: the trial ends once, as whichever came first', async () => {
  const { database } = fixture
  for (let round = 0; round < 10; round += 1) {
    const { sweep, agent, attempt } = await one()
    const epoch = await claim(database, attempt, agent)
    const [, stops] = await Promise.all([
      ingestReports(database, agent, [
        report(attempt, epoch, { batches: [lossBatch(0, [1])], ended: ending('succeeded') }),
      ]),
      askStop(database, {
        sweepId: sweep.id,
        ownerEpoch: sweep.ownerEpoch,
        basis: 4,
        by: 'asha',
        stops: [{ trial: 1, attempt: 1, reason: 'pruned', verdict: { reason: 'too slow' } }],
      }),
    ])
    expect(['asked', 'idle']).toContain(stops[0]?.result)
    expect((await getTrial(database, sweep.id, 1))?.state).toBe('completed')
    const facts = await loadFacts(database, sweep.id, 0)
    expect(facts.filter((fact) => fact.kind === 'trial-ended')).toHaveLength(1)
  }
})

test('stopping what is queued ends it without an agent; what is over or unknown is left alone', async () => {
  const { database, sweep, agent } = await one()
  const attempts = await issue(database, sweep, [2, 3])
  await claim(database, AttemptId.parse(attempts[1]), agent)
  await ingestReports(database, agent, [
    report(AttemptId.parse(attempts[1]), 1, { batches: [lossBatch(0, [1])], ended: ending('succeeded') }),
  ])
  const verdict = { reason: 'not wanted' }
  const results = await askStop(database, {
    sweepId: sweep.id,
    basis: 0,
    by: 'me',
    stops: [
      { trial: 1, reason: 'pruned', verdict },
      { trial: 2, reason: 'cancelled', verdict },
      { trial: 2, reason: 'cancelled', verdict },
      { trial: 3, reason: 'cancelled', verdict },
      { trial: 99, reason: 'cancelled', verdict },
    ],
  })
  expect(results.map((result) => result.result)).toEqual(['ended', 'ended', 'idle', 'idle', 'not-found'])
  expect((await getTrial(database, sweep.id, 1))?.state).toBe('pruned')
  expect(await getTrial(database, sweep.id, 2)).toMatchObject({ state: 'cancelled', reason: 'not wanted' })
})

test('a controller that lost the sweep may ask for nothing', async () => {
  const { database, sweep } = await one()
  const ownerEpoch = sweep.ownerEpoch + 1
  const stops = [{ trial: 1, reason: 'pruned' as const, verdict: { reason: 'x' } }]
  await expect(askStop(database, { sweepId: sweep.id, ownerEpoch, basis: 1, by: 'x', stops })).rejects.toMatchObject({
    code: 'fenced',
  })
  await expect(cancelQueued(database, { sweepId: sweep.id, ownerEpoch, reason: 'x' })).rejects.toMatchObject({
    code: 'fenced',
  })
  expect(await endSweep(database, sweep.id, ownerEpoch, 'x')).toEqual({ result: 'not-owner' })
})

test('a cancelled sweep withdraws what is queued, and ends when nothing runs', async () => {
  const { database, sweep, agent, attempt } = await one()
  await issue(database, sweep, [2, 3])
  const epoch = await claim(database, attempt, agent)
  await controlSweep(database, sweep.id, 'cancel', 'me')
  expect(await cancelQueued(database, { ...sweep, sweepId: sweep.id, reason: 'the sweep was cancelled' })).toBe(2)
  expect(await cancelQueued(database, { ...sweep, sweepId: sweep.id, reason: 'the sweep was cancelled' })).toBe(0)
  expect(await endSweep(database, sweep.id, sweep.ownerEpoch, 'cancelled')).toEqual({ result: 'busy' })
  await ingestReports(database, agent, [report(attempt, epoch, { ended: ending('cancelled') })])
  expect(await endSweep(database, sweep.id, sweep.ownerEpoch, 'cancelled by me')).toEqual({ result: 'ended' })
  expect(await endSweep(database, sweep.id, sweep.ownerEpoch, 'again')).toEqual({ result: 'refused' })
  expect(await getSweep(database, sweep.id)).toMatchObject({ state: 'cancelled', trials: { cancelled: 3 } })
})

test('tickets: the first counts as made, one made by a person does not, and old ones are made again', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const [first] = await issue(database, sweep, [1])
  const mine = async (olderThanMs: number) =>
    (await queuedWithoutTicket(database, olderThanMs)).filter((attempt) => attempt.sweepId === sweep.id)
  expect(await mine(60_000)).toEqual([])
  expect((await mine(0)).map((attempt) => [attempt.attemptId, attempt.tickets])).toEqual([[first, 1]])
  await enqueueConfig(database, { sweepId: sweep.id, config: { x: 2 }, repeat: false, by: 'me' })
  const second = AttemptId.parse(`${sweep.id}-2-1`)
  expect((await mine(60_000)).map((attempt) => [attempt.attemptId, attempt.tickets])).toEqual([[second, 0]])
  await markTicketed(database, [second])
  expect(await mine(60_000)).toEqual([])
  expect((await mine(0)).map((attempt) => attempt.tickets)).toEqual([1, 1])
  await controlSweep(database, sweep.id, 'pause', 'me')
  expect(await mine(0)).toEqual([])
})

test('GPU time is counted by the database from claim to end, and running attempts count until now', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { resources: { gpus: 2 }, budget: { gpuSeconds: 100 } })
  const agent = await sampleAgent(database)
  const [first] = await issue(database, sweep, [1])
  const attempt = AttemptId.parse(first)
  expect(await budgetUse(database, sweep.id)).toMatchObject({ trials: 1, wallMs: 0, gpuSeconds: 0, gpus: 0 })
  await claim(database, attempt, agent)
  await database.query(`update attempts set claimed_at = claimed_at - interval '10 s' where id = $1`, [attempt])
  const running = await budgetUse(database, sweep.id)
  expect(running).toMatchObject({ gpus: 2, limits: { gpuSeconds: 100 } })
  expect(running?.gpuSeconds).toBeGreaterThanOrEqual(20)
  await ingestReports(database, agent, [
    report(attempt, 1, { batches: [lossBatch(0, [1])], ended: ending('succeeded') }),
  ])
  const ended = await budgetUse(database, sweep.id)
  expect(ended?.gpus).toBe(0)
  expect(ended?.gpuSeconds).toBe((await getAttempt(database, attempt))?.gpuSeconds)
  expect(ended?.gpuSeconds).toBeGreaterThanOrEqual(20)
})
