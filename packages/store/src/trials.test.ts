import { AttemptId, SweepId } from '@sweep/spec/ids'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { loadFacts } from './facts.ts'
import { acquireSweeps, releaseSweeps } from './ownership.ts'
import { ingestReports } from './reports.ts'
import { controlSweep } from './sweep-control.ts'
import { getSweep } from './sweeps.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { createTrials, enqueueConfig, getTrial, listTrials, type NewTrial, requeueTrial } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterEach(async () => {
  expect(await checkInvariants(fixture.database)).toEqual([])
})
afterAll(() => fixture.drop())

const trial = (x: number): NewTrial => ({ config: { x }, source: 'sampler', reason: 'test', draw: x })
const nowhere = SweepId.parse('zzzzzzzzzz')

test('trials are numbered in the order they were asked for, each with its run, attempt and facts', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { queue: 'fast', resources: { gpus: 1 } })
  const result = await createTrials(database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: 1,
    trials: [trial(5), trial(3)],
  })
  expect(result).toEqual({
    result: 'done',
    refused: [],
    created: [
      { attemptId: `${sweep.id}-1-1`, queueName: 'sweep-fast-g1', tickets: 1, number: 1, index: 0 },
      { attemptId: `${sweep.id}-2-1`, queueName: 'sweep-fast-g1', tickets: 1, number: 2, index: 1 },
    ],
  })
  const facts = await loadFacts(database, sweep.id, 1)
  expect(facts.map((fact) => ({ ...fact, at: null }))[0]).toEqual({
    kind: 'trial-created',
    seq: 2,
    at: null,
    trial: 1,
    config: { x: 5 },
    source: 'sampler',
    basis: 1,
    draw: 5,
    reason: 'test',
  })
  expect((await listTrials(database, { sweepId: sweep.id })).map((row) => row.config)).toEqual([{ x: 5 }, { x: 3 }])
})

test('nothing asked for is nothing done', async () => {
  const sweep = await ownedSweep(fixture.database)
  expect(
    await createTrials(fixture.database, { sweepId: sweep.id, ownerEpoch: sweep.ownerEpoch, basis: 1, trials: [] }),
  ).toEqual({ result: 'done', created: [], refused: [] })
  expect(await loadFacts(fixture.database, sweep.id, 1)).toEqual([])
})

test('an unknown sweep is answered, not thrown', async () => {
  const { database } = fixture
  const request = { sweepId: nowhere, ownerEpoch: 1, basis: 1, trials: [trial(1)] }
  expect((await createTrials(database, request)).result).toBe('not-found')
  expect(await enqueueConfig(database, { sweepId: nowhere, config: {}, repeat: false, by: 'me' })).toEqual({
    result: 'not-found',
  })
  expect(await requeueTrial(database, { sweepId: nowhere, trial: 1, by: 'me' })).toEqual({ result: 'not-found' })
  expect(await getTrial(database, nowhere, 1)).toBeUndefined()
  expect(await listTrials(database, { sweepId: nowhere })).toEqual([])
})

test('a config is issued once, whatever the order of its keys; a repeat becomes a replicate', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const ask = (repeat: boolean, ...configs: NewTrial['config'][]) =>
    createTrials(database, {
      sweepId: sweep.id,
      ownerEpoch: sweep.ownerEpoch,
      basis: 1,
      repeat,
      trials: configs.map((config) => ({ config, source: 'sampler' as const, reason: 'test' })),
    })
  const first = await ask(false, { a: 1, b: 2 }, { b: 2, a: 1 })
  expect(first.created).toHaveLength(1)
  expect(first.refused).toEqual([{ index: 1, why: 'duplicate', number: 1 }])
  expect((await ask(false, { b: 2, a: 1 })).refused).toEqual([{ index: 0, why: 'duplicate', number: 1 }])
  expect((await ask(true, { a: 1, b: 2 }, { a: 1, b: 2 })).created.map((made) => made.number)).toEqual([2, 3])
  expect((await listTrials(database, { sweepId: sweep.id })).map((row) => row.replicate)).toEqual([0, 1, 2])
})

test('an owner that was replaced can not issue trials', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  await releaseSweeps(database, `controller of ${sweep.id}`, [sweep.id])
  await acquireSweeps(database, 'the next', 3_600_000)
  const late = await createTrials(database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: 1,
    trials: [trial(1)],
  })
  expect(late).toEqual({ result: 'not-owner', created: [], refused: [] })
  expect((await getSweep(database, sweep.id))?.createdTrials).toBe(0)
})

test('ten callers at once never exceed the budget by one, nor issue a config twice', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { budget: { trials: 25 } })
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, caller) =>
      createTrials(database, {
        sweepId: sweep.id,
        ownerEpoch: sweep.ownerEpoch,
        basis: 1,
        trials: Array.from({ length: 8 }, (_, n) => trial((caller * 4 + n) % 40)),
      }),
    ),
  )
  expect(results.flatMap((result) => result.created)).toHaveLength(25)
  expect(results.flatMap((result) => result.refused).some((refused) => refused.why === 'budget')).toBe(true)
  expect(await getSweep(database, sweep.id)).toMatchObject({ createdTrials: 25, outstanding: 25 })
})

test('no trials are issued while a sweep is paused, but a person may enqueue one', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  await controlSweep(database, sweep.id, 'pause', 'me')
  const refused = await createTrials(database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: 1,
    trials: [trial(1)],
  })
  expect(refused.result).toBe('not-running')
  const enqueued = await enqueueConfig(database, { sweepId: sweep.id, config: { x: 1 }, repeat: false, by: 'me' })
  expect(enqueued).toMatchObject({ result: 'created', number: 1, attempt: { tickets: 0 } })
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({ source: 'user', reason: 'enqueued by me' })
})

test('enqueueing names the trial that has the config, respects the budget, and ends with the sweep', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database, { budget: { trials: 2 } })
  await issue(database, sweep, [4])
  const ask = (x: number, repeat = false) =>
    enqueueConfig(database, { sweepId: sweep.id, config: { x }, repeat, by: 'me' })
  expect(await ask(4)).toEqual({ result: 'duplicate', number: 1 })
  expect(await ask(4, true)).toMatchObject({ result: 'created', number: 2 })
  expect(await ask(5)).toEqual({ result: 'budget' })
  await controlSweep(database, sweep.id, 'cancel', 'me')
  expect(await ask(6)).toEqual({ result: 'sweep-over' })
})

test('a failed trial is tried again on request, with fresh counts and its former value', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const [first] = await issue(database, sweep, [1])
  const attempt = AttemptId.parse(first)
  expect(await requeueTrial(database, { sweepId: sweep.id, trial: 1, by: 'me' })).toEqual({
    result: 'refused',
    state: 'queued',
  })
  const epoch = await claim(database, attempt, agent)
  expect(await requeueTrial(database, { sweepId: sweep.id, trial: 1, by: 'me' })).toEqual({
    result: 'refused',
    state: 'running',
  })
  await ingestReports(database, agent, [
    report(attempt, epoch, {
      batches: [lossBatch(0, [0.25])],
      ended: ending('user-error', { exitCode: 3, message: 'exit code 3', checkpoint: { step: 1, path: '/c/1' } }),
    }),
  ])
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({
    state: 'failed',
    failure: { cause: 'user-error', message: 'exit code 3' },
    value: 0.25,
  })
  expect((await getSweep(database, sweep.id))?.best).toBeNull()

  const again = await requeueTrial(database, { sweepId: sweep.id, trial: 1, by: 'me' })
  expect(again).toMatchObject({ result: 'requeued', attempt: { attemptId: `${sweep.id}-1-2` } })
  expect(await getTrial(database, sweep.id, 1)).toMatchObject({ state: 'queued', failure: null, userFailures: 0 })
  expect((await getSweep(database, sweep.id))?.best).toMatchObject({ trial: 1, value: 0.25 })
  expect(await claim(database, AttemptId.parse(`${sweep.id}-1-2`), agent)).toBe(2)
})

test('a config keeps what JSON can say; NUL and lone surrogates become the replacement character', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const config = { text: `a'b"c\\ \n 😀 $(id)`, list: [1, { deep: null }], small: 1e-7, big: 1e300, bad: 'x\0y\ud800z' }
  await createTrials(database, {
    sweepId: sweep.id,
    ownerEpoch: sweep.ownerEpoch,
    basis: 1,
    trials: [{ config, source: 'sampler', reason: 'odd \0 reason' }],
  })
  const stored = await getTrial(database, sweep.id, 1)
  expect(stored?.config).toEqual({ ...config, bad: 'x\ufffdy\ufffdz' })
  expect(stored?.reason).toBe('odd \ufffd reason')
})

test('a replicate is issued once: as the next one of its config, and never a second time', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const ask = async (...replicates: number[]) => {
    const trials = replicates.map((replicate) => ({ ...trial(1), replicate }))
    const { created, refused } = await createTrials(database, {
      ...{ sweepId: sweep.id, ownerEpoch: sweep.ownerEpoch, basis: 1, trials },
    })
    return [created.length, refused.length]
  }
  expect(await ask(0, 1)).toEqual([2, 0])
  // What a controller that had died asks for again, and what would leave one out.
  expect(await ask(0, 1)).toEqual([0, 2])
  expect(await ask(3)).toEqual([0, 1])
  expect(await ask(2)).toEqual([1, 0])
  const both = await Promise.all([ask(3), ask(3)])
  expect(both.map(([created]) => created).sort()).toEqual([0, 1])
  const rows = await listTrials(database, { sweepId: sweep.id })
  expect(rows.map(({ replicate }) => replicate)).toEqual([0, 1, 2, 3])
})
