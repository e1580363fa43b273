import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { testDatabase } from '../../../test/support/postgres.ts'
import { claimAttempt } from './attempts.ts'
import { loadFacts } from './facts.ts'
import { ingestReports } from './reports.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { createTrials, getTrial } from './trials.ts'

let fixture: Awaited<ReturnType<typeof testDatabase>>

beforeAll(async () => {
  fixture = await testDatabase()
})

afterAll(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
  await fixture.drop()
})

const checkpoint = { step: 4, path: '/checkpoints/4' }

/** A sweep whose first trial runs and has told of `saved`. */
async function running(saved: typeof checkpoint | undefined) {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const [parent] = await issue(database, sweep, [1])
  const epoch = await claim(database, parent!, agent)
  const tell = (rest: Parameters<typeof report>[2]) => ingestReports(database, agent, [report(parent!, epoch, rest)])
  await tell({ batches: [lossBatch(0, [0.5])], ...(saved && { checkpoint: saved }) })
  const copy = async (x: number) => {
    const trials = [{ config: { x }, source: 'sampler' as const, reason: 'a copy', parent: 1 }]
    const { created } = await createTrials(database, {
      sweepId: sweep.id,
      ownerEpoch: sweep.ownerEpoch,
      basis: 3,
      trials,
    })
    return created[0]!.attemptId
  }
  const factsOf = async (trial: number) =>
    (await loadFacts(database, sweep.id, 0)).filter((fact) => 'trial' in fact && fact.trial === trial)
  const claimed = (attemptId: typeof parent & string) =>
    claimAttempt(database, { attemptId, agentId: agent, leaseMs: 60_000 })
  return { database, sweep, agent, tell, copy, factsOf, claimed }
}

test('a copy starts from what its running parent has saved last, and its facts say where that is', async () => {
  const { database, sweep, tell, copy, factsOf, claimed } = await running(checkpoint)
  await tell({ checkpoint: { step: 6, path: '/checkpoints/6' } })
  const attemptId = await copy(2)
  expect(await factsOf(2)).toMatchObject([
    { kind: 'trial-created', trial: 2, parent: { trial: 1, step: 6 }, reason: 'a copy' },
    { kind: 'attempt-queued', attempt: 1, reason: 'first attempt, from the checkpoint of step 6 of trial 1' },
  ])
  expect(await claimed(attemptId)).toMatchObject({ restore: { step: 6, path: '/checkpoints/6' }, config: { x: 2 } })
  expect(await getTrial(database, sweep.id, 2)).toMatchObject({ parent: 1, state: 'running' })
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({ parent: null, reports: 1, value: 0.5 })
})

test('a copy that is lost before it has saved anything starts where it started before', async () => {
  const { database, sweep, agent, copy, claimed } = await running(checkpoint)
  const attemptId = await copy(2)
  const epoch = await claim(database, attemptId, agent)
  await ingestReports(database, agent, [report(attemptId, epoch, { ended: ending('lost') })])
  const next = await claimed(`${sweep.id}-2-2` as typeof attemptId)
  expect(next).toMatchObject({ result: 'claimed', restore: checkpoint })
})

test('a trial that is lost goes on from the checkpoint that it told of while it ran', async () => {
  const { sweep, tell, claimed } = await running(checkpoint)
  await tell({ ended: ending('lost') })
  expect(await claimed(`${sweep.id}-1-2` as Parameters<typeof claimed>[0])).toMatchObject({ restore: checkpoint })
})

test('of a parent that has saved nothing a copy starts from nothing, and the facts say so', async () => {
  const { copy, factsOf, claimed } = await running(undefined)
  const attemptId = await copy(2)
  const [created, queued] = await factsOf(2)
  expect(created).toMatchObject({ parent: { trial: 1 } })
  expect(created).not.toHaveProperty('parent.step')
  expect(queued).toMatchObject({ reason: 'first attempt, from the beginning, because trial 1 had saved no checkpoint' })
  expect(await claimed(attemptId)).toMatchObject({ restore: null })
})
