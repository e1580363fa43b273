import { ExperimentId, RunId } from '@sweep/spec/ids'
import { CreateRun } from '@sweep/spec/wire/tracking/runs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { ingestReports } from '../reports.ts'
import { searchRuns } from '../run-search/search-runs.ts'
import { claim, ending, issue, ownedSweep, report, sampleAgent } from '../testing/samples.ts'
import { createTrials } from '../trials.ts'
import { changeRun, changeTags, logParams } from './change-run.ts'
import { readDetails } from './run-details.ts'
import { createRun, deleteRun, endRun, getRun, restoreRun } from './runs.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

let count = 0
const nextId = () => {
  count += 1
  return `run${String(count).padStart(7, '0')}`.replaceAll(/[iloau]/g, 'z')
}

async function newRun(fields: Parameters<typeof CreateRun.parse>[0] = {}, id = RunId.parse(nextId())) {
  const run = CreateRun.parse(fields)
  const newExperimentId = ExperimentId.parse(nextId())
  return createRun(fixture.database, { ...run, id, newExperimentId, createdBy: 'user:me' })
}

describe('a run of its own', () => {
  test('has what it was made with, in an experiment that is made on the way', async () => {
    const fields = {
      experiment: 'ablations',
      project: 'vision',
      name: 'first 😀 "run"',
      group: 'a',
      params: { model: { depth: 3, act: 'relu' }, lr: 0.1, layers: [1, 2], none: null, empty: {} },
      tags: { team: 'x' },
      notes: 'look',
      source: { type: 'git', commit: 'abc', dirty: true },
      environment: { python: '3.12' },
    }
    const { run, created } = await newRun(fields)
    expect(created).toBe(true)
    expect(run).toMatchObject({
      experiment: 'ablations',
      project: 'vision',
      name: 'first 😀 "run"',
      group: 'a',
      status: 'running',
      trial: null,
      tags: { team: 'x' },
      createdBy: 'user:me',
      endedAt: null,
      deletedAt: null,
    })
    expect(run.params).toEqual({
      'model.depth': 3,
      'model.act': 'relu',
      lr: 0.1,
      layers: [1, 2],
      none: null,
      empty: {},
    })
    expect(run.startedAt).toBeInstanceOf(Date)
    expect(await readDetails(fixture.database, run.key)).toEqual({
      notes: 'look',
      message: null,
      source: fields.source,
      environment: { python: '3.12' },
      resources: {},
    })
    const again = await newRun({ experiment: 'ablations', project: 'vision' })
    expect(again.run.experimentId).toBe(run.experimentId)
  })

  test('is made once, however often its maker asks', async () => {
    const id = RunId.parse(nextId())
    const asked = await Promise.all(Array.from({ length: 8 }, () => newRun({ experiment: 'once', name: 'n' }, id)))
    expect(asked.filter(({ created }) => created)).toHaveLength(1)
    expect(new Set(asked.map(({ run }) => run.key)).size).toBe(1)
    await expect(newRun({ experiment: 'another' }, id)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('needs an experiment and a parent that are there', async () => {
    await expect(newRun({ experimentId: 'zzzzzzzzzz' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(newRun({ parentRunId: 'zzzzzzzzzz' })).rejects.toMatchObject({ code: 'not-found' })
  })

  test('ends once; the same end again changes nothing, another is refused', async () => {
    const { database } = fixture
    const { run } = await newRun({ status: 'pending' })
    expect(run.startedAt).toBeNull()
    await endRun(database, run.id, { status: 'failed', message: 'out of \0 luck' })
    const first = await getRun(database, run.id)
    expect(first).toMatchObject({ status: 'failed' })
    await endRun(database, run.id, { status: 'failed' })
    expect((await getRun(database, run.id)).endedAt).toEqual(first.endedAt)
    await expect(endRun(database, run.id, { status: 'completed' })).rejects.toMatchObject({ code: 'conflict' })
    expect((await readDetails(database, run.key)).message).toBe('out of \ufffd luck')
    await changeRun(database, run.id, { status: 'running' })
    expect(await getRun(database, run.id)).toMatchObject({ status: 'running', endedAt: null })
    await endRun(database, run.id, { status: 'completed' })
  })

  test('is hidden when it is deleted, takes no writes, and comes back', async () => {
    const { database } = fixture
    const { run } = await newRun({ experiment: 'deletions' })
    const list = async (deleted?: 'only' | 'include') =>
      (await searchRuns(database, { experimentId: run.experimentId, limit: 10, deleted })).runs
    await deleteRun(database, run.id)
    await deleteRun(database, run.id)
    expect(await list()).toEqual([])
    expect((await list('only')).map((one) => one.id)).toEqual([run.id])
    expect(await list('include')).toHaveLength(1)
    await expect(changeTags(database, run.id, { set: { a: 'b' }, remove: [] })).rejects.toMatchObject({
      code: 'conflict',
    })
    await restoreRun(database, run.id)
    expect(await list()).toHaveLength(1)
    await expect(restoreRun(database, RunId.parse('zzzzzzzzzz'))).rejects.toMatchObject({ code: 'not-found' })
  })

  test('changes in what is named and nothing else, and never comes to be below itself', async () => {
    const { database } = fixture
    const { run } = await newRun({ name: 'a', group: 'g', notes: 'n', source: { commit: 'c', branch: 'b' } })
    const { run: child } = await newRun({ parentRunId: run.id })
    expect(child.parentRunId).toBe(run.id)
    await changeRun(database, run.id, { name: null, resources: { gpuHours: 1 }, source: { branch: 'main' } })
    await changeRun(database, run.id, { resources: { cost: 2 } })
    expect(await getRun(database, run.id)).toMatchObject({ name: null, group: 'g', status: 'running' })
    expect(await readDetails(database, run.key)).toMatchObject({
      notes: 'n',
      source: { commit: 'c', branch: 'main' },
      resources: { gpuHours: 1, cost: 2 },
    })
    await expect(changeRun(database, run.id, { parentRunId: child.id })).rejects.toMatchObject({ code: 'conflict' })
    await expect(changeRun(database, run.id, { parentRunId: run.id })).rejects.toMatchObject({ code: 'conflict' })
    await changeRun(database, child.id, { parentRunId: null })
    expect((await getRun(database, child.id)).parentRunId).toBeNull()
  })
})

describe('params', () => {
  test('may be logged again with the same value, and with another only when asked to', async () => {
    const { database } = fixture
    const { run } = await newRun({ params: { lr: 0.1, on: true } })
    expect(await logParams(database, run.id, { lr: 0.1, 'opt.name': 'adam' }, false)).toEqual({
      added: ['opt.name'],
      changed: [],
    })
    await expect(logParams(database, run.id, { lr: 0.2, extra: 1 }, false)).rejects.toMatchObject({
      code: 'conflict',
      details: { names: ['lr'] },
    })
    expect((await getRun(database, run.id)).params).toEqual({ lr: 0.1, on: true, 'opt.name': 'adam' })
    expect(await logParams(database, run.id, { lr: 0.2 }, true)).toEqual({ added: [], changed: ['lr'] })
    expect((await getRun(database, run.id)).params['lr']).toBe(0.2)
    // True is not 1, and a NUL becomes the same replacement as before.
    await expect(logParams(database, run.id, { on: 1 }, false)).rejects.toMatchObject({ code: 'conflict' })
    await logParams(database, run.id, { odd: 'a\0b' }, false)
    expect(await logParams(database, run.id, { odd: 'a\0b' }, false)).toEqual({ added: [], changed: [] })
  })

  test('logged by many at once are all kept', async () => {
    const { database } = fixture
    const { run } = await newRun()
    await Promise.all(Array.from({ length: 20 }, (_, n) => logParams(database, run.id, { [`p${n}`]: n }, false)))
    expect(Object.keys((await getRun(database, run.id)).params)).toHaveLength(20)
  })
})

test('tags are set and removed', async () => {
  const { database } = fixture
  const { run } = await newRun({ tags: { a: '1', b: '2' } })
  const name = `"quoted" 😀 'x'; drop table runs --`
  expect(await changeTags(database, run.id, { set: { a: '3', [name]: '' }, remove: ['b', 'nothing'] })).toEqual({
    a: '3',
    [name]: '',
  })
  const many = Object.fromEntries(Array.from({ length: 999 }, (_, n) => [`t${n}`, '']))
  await expect(changeTags(database, run.id, { set: many, remove: [] })).rejects.toMatchObject({ code: 'conflict' })
})

describe('the run of a trial', () => {
  test('has the config as its params, and goes the way of the trial', async () => {
    const { database } = fixture
    const sweep = await ownedSweep(database)
    const agent = await sampleAgent(database)
    const [attempt] = await issue(database, sweep, [1])
    if (attempt === undefined) throw new Error('no attempt')
    const id = RunId.parse(`${sweep.id}-1`)
    expect(await getRun(database, id)).toMatchObject({ status: 'pending', params: { x: 1 }, startedAt: null })
    const epoch = await claim(database, attempt, agent)
    const run = await getRun(database, id)
    expect(run).toMatchObject({ status: 'running', trial: { sweepId: sweep.id, number: 1, state: 'running' } })
    expect(run.name).toMatch(/^sweep \d+\/1$/)

    await expect(endRun(database, id, { status: 'completed' })).rejects.toMatchObject({ code: 'conflict' })
    await expect(changeRun(database, id, { status: 'running' })).rejects.toMatchObject({ code: 'conflict' })
    await expect(changeRun(database, id, { parentRunId: id })).rejects.toMatchObject({ code: 'conflict' })
    await expect(deleteRun(database, id)).rejects.toMatchObject({ code: 'conflict' })

    await changeRun(database, id, { name: 'mine', group: 'g', notes: 'n' })
    await logParams(database, id, { seed: 7 }, false)
    await expect(logParams(database, id, { x: 2 }, false)).rejects.toMatchObject({ code: 'conflict' })
    await logParams(database, id, { x: 2 }, true)
    await changeTags(database, id, { set: { k: 'v' }, remove: [] })
    await ingestReports(database, agent, [report(attempt, epoch, { ended: ending('user-error', { message: 'why' }) })])
    const after = await getRun(database, id)
    expect(after).toMatchObject({ status: 'failed', name: 'mine', params: { x: 2, seed: 7 }, tags: { k: 'v' } })
    expect(after.endedAt).toBeInstanceOf(Date)
    expect(await readDetails(database, after.key)).toMatchObject({ notes: 'n', message: 'why' })
    await deleteRun(database, id)
    const search = { experimentId: ExperimentId.parse(sweep.id), limit: 10 }
    expect((await searchRuns(database, search)).runs).toEqual([])
    await restoreRun(database, id)
    expect((await searchRuns(database, search)).runs).toMatchObject([{ status: 'failed' }])
  })

  test('has nested values of the config by dotted names', async () => {
    const { database } = fixture
    const sweep = await ownedSweep(database)
    const config = { 'opt.lr': 1, opt2: { name: 'adam', betas: [0.9, 0.99] } }
    const trials = [{ config, source: 'sampler' as const, reason: 'test' }]
    await createTrials(database, { sweepId: sweep.id, ownerEpoch: sweep.ownerEpoch, basis: 1, trials })
    expect((await getRun(database, RunId.parse(`${sweep.id}-1`))).params).toEqual({
      'opt.lr': 1,
      'opt2.name': 'adam',
      'opt2.betas': [0.9, 0.99],
    })
  })
})
