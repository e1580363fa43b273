import type { AgentId, AttemptId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { testDatabase } from '../../../test/support/postgres.ts'
import { getAttempt } from './attempt-record.ts'
import { claimAttempt } from './attempts.ts'
import { loadFacts } from './facts.ts'
import { resumeTrials } from './paused-trials.ts'
import { ingestReports } from './reports.ts'
import { askStop } from './stops.ts'
import { controlSweep, endSweep, noteNoMoreTrials } from './sweep-control.ts'
import { getSweep } from './sweeps.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { getTrial, requeueTrial } from './trials.ts'

let fixture: Awaited<ReturnType<typeof testDatabase>>

beforeAll(async () => {
  fixture = await testDatabase()
})

afterAll(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
  await fixture.drop()
})

const verdict = { reason: '0.5 is among the best 3 of 9 at step 4', rung: 1, value: 0.5, threshold: Number.NaN }
const checkpoint = { step: 4, path: '/checkpoints/4' }

/** A sweep with `count` trials, all paused after one value. */
async function paused(count: number, end: Parameters<typeof ending>[1] = { checkpoint }) {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const attempts = await issue(
    database,
    sweep,
    Array.from({ length: count }, (_, index) => index + 1),
  )
  for (const attempt of attempts) await pause(attempt, agent, end)
  const request = (trials: readonly number[], attempt = 1) => ({
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: 3,
    by: 'pruner',
    resumes: trials.map((trial) => ({ trial, attempt, verdict })),
  })
  const facts = async () => await loadFacts(database, sweep.id, 0)
  return { database, sweep, agent, request, facts }
}

async function pause(attempt: AttemptId, agent: AgentId, end: Parameters<typeof ending>[1]): Promise<void> {
  const epoch = await claim(fixture.database, attempt, agent)
  const ended = ending('paused', end)
  await ingestReports(fixture.database, agent, [report(attempt, epoch, { batches: [lossBatch(0, [0.5])], ended })])
}

test('a resumed trial is queued again with its checkpoint, its facts, and a ticket that counts as made', async () => {
  const { database, sweep, agent, request, facts } = await paused(2)
  const queued = await resumeTrials(database, request([2]))
  const attemptId = `${sweep.id}-2-2`
  expect(queued).toEqual([{ attemptId, queueName: 'sweep-default-any', tickets: 1 }])
  expect(await getTrial(database, sweep.id, 2)).toMatchObject({ state: 'queued', attempts: 2 })
  expect(await getSweep(database, sweep.id)).toMatchObject({ outstanding: 1, trials: { paused: 1, queued: 1 } })
  expect((await facts()).slice(-2)).toMatchObject([
    { kind: 'trial-resumed', trial: 2, attempt: 1, basis: 3, by: 'pruner', verdict },
    { kind: 'attempt-queued', trial: 2, attempt: 2, reason: 'resumed from its checkpoint of step 4' },
  ])
  const claimed = await claimAttempt(database, { attemptId: queued[0]!.attemptId, agentId: agent, leaseMs: 60_000 })
  expect(claimed).toMatchObject({ result: 'claimed', restore: checkpoint, config: { x: 2 } })
  // Its reports go on where they were.
  await ingestReports(database, agent, [report(queued[0]!.attemptId, 2, { ended: ending('succeeded') })])
  expect(await getTrial(database, sweep.id, 2)).toMatchObject({ state: 'completed', reports: 1, value: 0.5 })
})

test('without a checkpoint it starts from the beginning, and the fact says so', async () => {
  const { database, sweep, request, facts } = await paused(1, {})
  await resumeTrials(database, request([1]))
  expect((await facts()).at(-1)).toMatchObject({
    reason: 'resumed from the beginning, because it saved no checkpoint',
  })
  expect((await getAttempt(database, `${sweep.id}-1-2` as AttemptId))?.state).toBe('queued')
})

test('asked twice, for an older attempt, for what is not paused or in a paused sweep, nothing is resumed', async () => {
  const { database, sweep, request, facts } = await paused(3)
  expect(await resumeTrials(database, request([1, 1]))).toHaveLength(1)
  expect(await resumeTrials(database, request([1]))).toEqual([])
  expect(await resumeTrials(database, request([1], 2))).toEqual([])
  expect(await resumeTrials(database, request([2], 2))).toEqual([])
  expect(await resumeTrials(database, request([9]))).toEqual([])
  await controlSweep(database, sweep.id, 'pause', 'me')
  const before = (await facts()).length
  expect(await resumeTrials(database, request([2, 3]))).toEqual([])
  expect((await facts()).length).toBe(before)
  await expect(resumeTrials(database, { ...request([2]), ownerEpoch: 0 })).rejects.toMatchObject({ code: 'fenced' })
  expect(await resumeTrials(database, { ...request([2]), sweepId: '0000000zzz' as typeof sweep.id })).toEqual([])
})

test('a person may take a paused trial up too', async () => {
  const { database, sweep, facts } = await paused(1)
  expect(await requeueTrial(database, { sweepId: sweep.id, trial: 1, by: 'me' })).toMatchObject({ result: 'requeued' })
  expect((await facts()).slice(-2)).toMatchObject([{ kind: 'trial-requeued' }, { kind: 'attempt-queued', attempt: 2 }])
})

test('a paused trial is pruned or cancelled without a process to stop, once', async () => {
  const { database, sweep, facts } = await paused(3)
  const stops = [
    { trial: 1, attempt: 1, reason: 'pruned' as const, verdict },
    { trial: 2, reason: 'cancelled' as const, verdict: { reason: 'me asked for it' } },
    { trial: 3, attempt: 2, reason: 'pruned' as const, verdict },
    { trial: 1, reason: 'cancelled' as const, verdict },
  ]
  const request = { sweepId: sweep.id, ownerEpoch: sweep.ownerEpoch, basis: 5, by: 'pruner', stops }
  expect((await askStop(database, request)).map(({ result }) => result)).toEqual(['ended', 'ended', 'idle', 'idle'])
  expect((await askStop(database, request)).map(({ result }) => result)).toEqual(['idle', 'idle', 'idle', 'idle'])
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({ state: 'pruned', reason: verdict.reason, value: 0.5 })
  expect(await getTrial(database, sweep.id, 2)).toMatchObject({ state: 'cancelled', reason: 'me asked for it' })
  expect(await getTrial(database, sweep.id, 3)).toMatchObject({ state: 'paused' })
  expect((await facts()).slice(-4)).toMatchObject([
    { kind: 'stop-asked', trial: 1, attempt: 1, stop: 'pruned', basis: 5, by: 'pruner' },
    { kind: 'stop-asked', trial: 2, stop: 'cancelled' },
    { kind: 'trial-ended', trial: 1, state: 'pruned', value: 0.5 },
    { kind: 'trial-ended', trial: 2, state: 'cancelled' },
  ])
  expect(await getSweep(database, sweep.id)).toMatchObject({ trials: { paused: 1, pruned: 1, cancelled: 1 } })
})

test('a stop that leaves the trial alive does nothing to a paused one', async () => {
  const { database, sweep } = await paused(1)
  const stops = [{ trial: 1, reason: 'paused' as const, verdict }]
  const [result] = await askStop(database, { sweepId: sweep.id, basis: 5, by: 'me', stops })
  expect(result).toEqual({ trial: 1, result: 'idle' })
})

test.each([
  { event: undefined, sweepState: 'completed', state: 'pruned' },
  { event: 'stop', sweepState: 'stopped', state: 'cancelled' },
  { event: 'cancel', sweepState: 'cancelled', state: 'cancelled' },
] as const)('what is paused when its sweep is $sweepState is $state', async ({ event, sweepState, state }) => {
  const { database, sweep } = await paused(2)
  if (event !== undefined) await controlSweep(database, sweep.id, event, 'me')
  expect(await endSweep(database, sweep.id, sweep.ownerEpoch, 'all done')).toEqual({ result: 'ended' })
  const reason = 'still paused when the sweep ended: all done'
  for (const trial of [1, 2]) expect(await getTrial(database, sweep.id, trial)).toMatchObject({ state, reason })
  expect(await getSweep(database, sweep.id)).toMatchObject({ state: sweepState, trials: { paused: 0, [state]: 2 } })
})

test('that no more trials come is noted once, on what is known by then', async () => {
  const { database, sweep, facts } = await paused(1)
  const last = (await facts()).length
  const note = (basis: number) => noteNoMoreTrials(database, sweep.id, sweep.ownerEpoch, 'the budget is used up', basis)
  expect(await note(last - 1)).toBe(false)
  expect(await note(last)).toBe(true)
  expect(await note(last)).toBe(false)
  expect((await facts()).slice(last)).toMatchObject([{ kind: 'no-more-trials', reason: 'the budget is used up' }])
  await expect(noteNoMoreTrials(database, sweep.id, 0, 'x', last + 1)).rejects.toMatchObject({ code: 'fenced' })
  await controlSweep(database, sweep.id, 'pause', 'me')
  expect(await note((await facts()).length)).toBe(false)
})
