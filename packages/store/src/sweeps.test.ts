import { SweepId } from '@sweep/spec/ids'
import { SWEEP_STATES, SWEEP_TRANSITIONS } from '@sweep/spec/sweep-state'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { loadFacts } from './facts.ts'
import { acquireSweeps, releaseSweeps, renewSweeps } from './ownership.ts'
import { budgetUse, changeSweep, controlSweep, endSweep, setWaiting } from './sweep-control.ts'
import { createSweep, getSweep, listSweeps, sweepDefinition } from './sweeps.ts'
import { ownedSweep, sampleDocument, sampleSweep } from './testing/samples.ts'
import { listTrials } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

const nowhere = SweepId.parse('zzzzzzzzzz')

test('a sweep is stored with its first fact, and comes back as it was written', async () => {
  const { database } = fixture
  const document = sampleDocument({
    project: 'vision',
    priority: 2,
    parallelism: 3,
    budget: { trials: 9, wallMs: 1000, gpuSeconds: 3.5 },
    resources: { gpus: 1, memoryBytes: 2 ** 30 },
    seed: Number.MAX_SAFE_INTEGER,
  })
  const id = SweepId.parse('abcdefghjk')
  const source = 'name: "déjà vu"\n# comment\n'
  const code = { kind: 'git', url: 'https://host/x.git', commit: 'a'.repeat(40), folder: 'déjà' } as const
  const given = { id, name: 'déjà vu', document, source, file: 'a.yaml', workdir: '/w', code }
  const sweep = await createSweep(database, given)
  expect(sweep).toMatchObject({
    id,
    name: 'déjà vu',
    project: 'vision',
    state: 'running',
    metric: { name: 'loss', goal: 'minimize', summary: 'best' },
    priority: 2,
    parallelism: 3,
    budget: { trials: 9, wallMs: 1000, gpuSeconds: 3.5 },
    shape: { gpus: 1, memoryBytes: 2 ** 30 },
    shapeKey: 'g1m1024',
    seed: Number.MAX_SAFE_INTEGER,
    factSeq: 1,
    best: null,
    trials: { queued: 0, running: 0, paused: 0, completed: 0, pruned: 0, failed: 0, cancelled: 0 },
  })
  expect(await sweepDefinition(database, id)).toEqual({
    id,
    name: 'déjà vu',
    project: 'vision',
    document,
    source,
    file: 'a.yaml',
    workdir: '/w',
    code,
  })
  expect(await loadFacts(database, id, 0)).toMatchObject([{ seq: 1, kind: 'sweep-created', seed: document.seed }])
  expect(await loadFacts(database, id, 1)).toEqual([])
})

test('what is not there is undefined, not-found or empty', async () => {
  const { database } = fixture
  expect(await getSweep(database, nowhere)).toBeUndefined()
  expect(await budgetUse(database, nowhere)).toBeUndefined()
  expect(await loadFacts(database, nowhere, 0)).toEqual([])
  expect(await controlSweep(database, nowhere, 'pause', 'me')).toEqual({ result: 'not-found' })
  expect(await changeSweep(database, nowhere, { priority: 2 }, 'me')).toEqual({ result: 'not-found' })
  expect(await endSweep(database, nowhere, 1, 'x')).toEqual({ result: 'not-owner' })
  expect(await setWaiting(database, nowhere, 1, 'x', 1)).toBe(false)
  await expect(sweepDefinition(database, nowhere)).rejects.toMatchObject({ code: 'not-found' })
  expect(await listSweeps(database, { ids: [] })).toEqual([])
})

test('every state and event does what the table says, with a fact only where something changed', async () => {
  const { database } = fixture
  for (const state of SWEEP_STATES) {
    for (const event of ['pause', 'resume', 'stop', 'cancel'] as const) {
      const sweep = await sampleSweep(database)
      const over = state === 'completed' || state === 'stopped' || state === 'cancelled'
      await database.query(`update sweeps set state = $2, ended_at = ${over ? 'now()' : 'null'} where id = $1`, [
        sweep.id,
        state,
      ])
      const table: Partial<Record<string, string>> = SWEEP_TRANSITIONS[state]
      const next = table[event]
      const answer = await controlSweep(database, sweep.id, event, 'me')
      const facts = await loadFacts(database, sweep.id, 1)
      if (next === undefined) expect(facts, `${event} while ${state}`).toEqual([])
      else expect(facts).toMatchObject([{ kind: 'control', action: event, by: 'me' }])
      expect(answer).toMatchObject({ state: next ?? state })
      expect((await getSweep(database, sweep.id))?.state).toBe(next ?? state)
    }
  }
  expect(await checkInvariants(database)).toEqual([])
})

test('asking again for what holds is done; what can not be is refused', async () => {
  const { database } = fixture
  const sweep = await sampleSweep(database)
  expect(await controlSweep(database, sweep.id, 'resume', 'me')).toEqual({ result: 'done', state: 'running' })
  expect(await controlSweep(database, sweep.id, 'cancel', 'me')).toEqual({ result: 'done', state: 'cancelling' })
  expect(await controlSweep(database, sweep.id, 'cancel', 'me')).toEqual({ result: 'done', state: 'cancelling' })
  expect(await controlSweep(database, sweep.id, 'resume', 'me')).toEqual({ result: 'refused', state: 'cancelling' })
  expect(await loadFacts(database, sweep.id, 1)).toHaveLength(1)
})

test('limits change one by one, null lifts one, and the fact names what changed', async () => {
  const { database } = fixture
  const sweep = await sampleSweep(database, { parallelism: 2, budget: { trials: 5, gpuSeconds: 10 } })
  await changeSweep(database, sweep.id, { parallelism: null, budget: { trials: 7 } }, 'me')
  await changeSweep(database, sweep.id, { priority: 4, budget: { gpuSeconds: null, wallMs: 60_000 } }, 'me')
  expect(await getSweep(database, sweep.id)).toMatchObject({
    parallelism: null,
    priority: 4,
    budget: { trials: 7, wallMs: 60_000 },
  })
  expect((await getSweep(database, sweep.id))?.budget.gpuSeconds).toBeUndefined()
  expect(await loadFacts(database, sweep.id, 1)).toMatchObject([
    { action: 'change', changes: { parallelism: null, budget: { trials: 7 } } },
    { action: 'change', changes: { priority: 4, budget: { gpuSeconds: null, wallMs: 60_000 } } },
  ])
})

test('why a sweep waits is a fact when it changes, and not again', async () => {
  const { database } = fixture
  const { id, ownerEpoch } = await ownedSweep(database)
  expect(await setWaiting(database, id, ownerEpoch, 'no agent is free', 1)).toBe(true)
  expect(await setWaiting(database, id, ownerEpoch, 'no agent is free', 2)).toBe(false)
  expect(await setWaiting(database, id, ownerEpoch + 1, 'not mine', 2)).toBe(false)
  expect((await getSweep(database, id))?.waiting).toBe('no agent is free')
  expect(await setWaiting(database, id, ownerEpoch, null, 2)).toBe(true)
  expect((await loadFacts(database, id, 1)).map((fact) => fact.kind)).toEqual(['waiting'])
})

test('sweeps are listed newest first, by state, project and name, in pages', async () => {
  const { database } = fixture
  const made: string[] = []
  for (let n = 0; n < 5; n += 1) made.unshift((await sampleSweep(database, { project: 'listed' })).id)
  const seen: string[] = []
  let before: { createdAt: Date; id: SweepId } | undefined
  for (;;) {
    const page = await listSweeps(database, { project: 'listed', limit: 2, ...(before && { before }) })
    const last = page.at(-1)
    if (last === undefined) break
    seen.push(...page.map((sweep) => sweep.id))
    before = { createdAt: last.createdAt, id: last.id }
  }
  // Those of one millisecond are in order of their ids.
  expect([...seen].sort()).toEqual([...made].sort())
  expect(await listSweeps(database, { project: 'listed', states: ['paused'] })).toEqual([])
})

test('a sweep has one owner; an expired or released lease passes it on with a higher epoch', async () => {
  const { database } = fixture
  await acquireSweeps(database, 'collector', 3_600_000)
  const sweep = await sampleSweep(database)
  const both = await Promise.all([acquireSweeps(database, 'one', 3_600_000), acquireSweeps(database, 'two', 3_600_000)])
  expect(both.flat()).toEqual([{ id: sweep.id, ownerEpoch: 1 }])
  const [owner, other] = (both[0]?.length ?? 0) > 0 ? ['one', 'two'] : ['two', 'one']
  expect(await renewSweeps(database, other, 1000)).toEqual([])
  expect(await renewSweeps(database, owner, 0)).toEqual([{ id: sweep.id, ownerEpoch: 1 }])
  expect(await acquireSweeps(database, other, 3_600_000)).toEqual([{ id: sweep.id, ownerEpoch: 2 }])
  expect(await renewSweeps(database, owner, 1000)).toEqual([])
  await releaseSweeps(database, other)
  expect(await acquireSweeps(database, owner, 1000)).toEqual([{ id: sweep.id, ownerEpoch: 3 }])
})

test('a sweep is stored once under an id, however many ask for it at the same time', async () => {
  const { database } = fixture
  const given = { name: 'x', document: sampleDocument(), source: 'x', file: 'x.yaml', workdir: '/' }
  const id = SweepId.parse('0nce000000')
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => createSweep(database, { ...given, id })))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict' })
  }
  expect(await loadFacts(database, id, 0)).toHaveLength(1)
})

test('first configs are stored with their sweep, in their order', async () => {
  const { database } = fixture
  const document = sampleDocument({ budget: { trials: 3 } })
  const given = { name: 'x', document, source: 'x', file: 'x.yaml', workdir: '/' }
  const trials = [0.25, 0.75, 0.5].map((x) => ({ config: { x }, source: 'user' as const, reason: 'came with it' }))
  const id = SweepId.parse('f1rst00000')
  expect(await createSweep(database, { ...given, id, trials })).toMatchObject({ trials: { queued: 3 } })
  const stored = await listTrials(database, { sweepId: id })
  expect(stored.map(({ number, config, source }) => [number, config['x'], source])).toEqual([
    [1, 0.25, 'user'],
    [2, 0.75, 'user'],
    [3, 0.5, 'user'],
  ])
  const facts = await loadFacts(database, id, 0)
  const kinds = trials.flatMap(() => ['trial-created', 'attempt-queued'])
  expect(facts.map(({ kind }) => kind)).toEqual(['sweep-created', ...kinds])
  expect(await checkInvariants(database)).toEqual([])
})
