import { judgeGates } from '@sweep/analysis/gates/judge-gates'
import { ModelGate } from '@sweep/spec/models/gates'
import type { GatedStage, ModelStage } from '@sweep/spec/models/stages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { storeFindings } from '../health/findings.ts'
import { originOf, sampleVersion } from '../testing/sample-model.ts'
import { endRun, getRun } from '../tracking/runs.ts'
import { addGate, listGates, removeGate } from './gates.ts'
import { modelHistory } from './history.ts'
import { deleteModel, getModel } from './models.ts'
import { moveVersion, rollBack, type VersionMove } from './move-version.ts'
import { getVersion, listVersions } from './version-record.ts'
import { deleteVersion } from './versions.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase({ max: 20 })
})
afterAll(() => fixture.drop())

function move(model: string, version: number, to: ModelStage, more: Partial<VersionMove> = {}) {
  const plain = { reason: undefined, force: false, dryRun: false, alone: false, by: 'user:me' }
  return moveVersion(fixture.database, { model, version, to, ...plain, ...more }, judgeGates)
}
const gate = (model: string, stage: GatedStage, fields: object) =>
  addGate(fixture.database, model, stage, ModelGate.parse(fields), 'user:me')

async function versions(model: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await sampleVersion(fixture.database, model)
}
async function stages(model: string): Promise<string[]> {
  return (await listVersions(fixture.database, { model, limit: 100 })).toReversed().map(({ stage }) => stage)
}
async function history(model: string): Promise<string[]> {
  const { key } = await getModel(fixture.database, model)
  const all = await modelHistory(fixture.database, key, { limit: 100 })
  return all.toReversed().map(({ version, kind }) => `${version} ${kind}`)
}

test('a version in production makes way for the next, and what happened is kept', async () => {
  await versions('a', 2)
  expect(await move('a', 1, 'staging')).toMatchObject({ kind: 'moved', replaced: null })
  expect(await move('a', 1, 'production')).toMatchObject({ kind: 'moved', replaced: null })
  expect(await move('a', 1, 'production')).toMatchObject({ kind: 'unchanged' })
  expect(await move('a', 2, 'production', { reason: 'better' })).toMatchObject({ kind: 'moved', replaced: 1 })
  expect(await stages('a')).toEqual(['archived', 'production'])
  expect(await history('a')).toEqual([
    ...['1 registered', '2 registered', '1 promoted', '1 promoted', '1 replaced', '2 promoted'],
  ])
  await expect(move('a', 3, 'staging')).rejects.toMatchObject({ code: 'not-found' })
  await expect(move('b', 1, 'staging')).rejects.toMatchObject({ code: 'not-found' })
})

test('of twenty promotions at once exactly one version stays in production, and the history says which', async () => {
  const count = 20
  await versions('many', count)
  const outcomes = await Promise.all(Array.from({ length: count }, (_, n) => move('many', n + 1, 'production')))
  expect(outcomes.every(({ kind }) => kind === 'moved')).toBe(true)
  const all = await stages('many')
  expect(all.filter((stage) => stage === 'production')).toHaveLength(1)
  expect(all.filter((stage) => stage === 'archived')).toHaveLength(count - 1)
  const winner = all.indexOf('production') + 1
  const told = (await history('many')).filter((line) => line.endsWith('promoted'))
  expect(told).toHaveLength(count)
  expect(told.at(-1)).toBe(`${winner} promoted`)
  // Each but the first has taken the place of the one before it.
  const replaced = outcomes.map((outcome) => (outcome.kind === 'moved' ? outcome.replaced : undefined))
  expect(new Set(replaced).size).toBe(count)
})

test('two rollbacks at once go back twice, and never leave production empty', async () => {
  await versions('back', 4)
  for (const n of [1, 2, 3, 4]) await move('back', n, 'production')
  const back = (from?: number) => rollBack(fixture.database, 'back', { reason: 'broken', from, by: 'user:me' })
  const done = await Promise.all([back(), back()])
  expect(done.map(({ version }) => version).sort()).toEqual([2, 3])
  expect(await stages('back')).toEqual(['archived', 'production', 'archived', 'archived'])
  // From a version, only one of them does, however often it is asked.
  await move('back', 4, 'production')
  const outcomes = await Promise.allSettled([back(4), back(4), back(4)])
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await stages('back')).toEqual(['archived', 'production', 'archived', 'archived'])
  await expect(back(3)).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('version 2 is in') })
})

test('rolling back needs a version to go back to, and passes over one that was deleted', async () => {
  const back = () => rollBack(fixture.database, 'r', { reason: undefined, from: undefined, by: 'user:me' })
  await expect(back()).rejects.toMatchObject({ code: 'not-found' })
  await versions('r', 3)
  await expect(back()).rejects.toMatchObject({ code: 'conflict' })
  for (const n of [1, 2, 3]) await move('r', n, 'production')
  await deleteVersion(fixture.database, 'r', 2, 'user:me')
  expect(await back()).toEqual({ version: 1, replaced: 3 })
  await expect(back()).rejects.toMatchObject({ code: 'conflict' })
  expect(await stages('r')).toEqual(['production', 'archived'])
  await expect(deleteVersion(fixture.database, 'r', 1, 'user:me')).rejects.toMatchObject({ code: 'conflict' })
  await expect(deleteModel(fixture.database, 'r')).rejects.toMatchObject({ code: 'conflict' })
  // Out of production by hand: what was there before it is what is gone back to.
  await move('r', 3, 'production')
  await move('r', 3, 'archived')
  expect(await back()).toEqual({ version: 1, replaced: null })
})

test('a promotion that fails its gate changes nothing, says what each gate has found, and is kept', async () => {
  const { database } = fixture
  await sampleVersion(database, 'g', { origin: originOf({ acc: 0.8, loss: Number.NaN }) })
  await sampleVersion(database, 'g', { origin: originOf({ acc: 0.95, loss: 0.1 }) })
  await gate('g', 'production', { kind: 'metric', metric: 'acc', min: 0.9 })
  await gate('g', 'production', { kind: 'metric', metric: 'loss', max: 1 })
  await gate('g', 'production', { kind: 'staged' })
  const before = await getVersion(database, 'g', 1)
  const refused = await move('g', 1, 'production', { reason: 'please' })
  expect(refused).toMatchObject({
    kind: 'refused',
    gates: [
      { passed: false, value: 0.8, threshold: '>= 0.9', message: 'acc is 0.8, and must be >= 0.9' },
      { passed: false, value: 'NaN', threshold: '<= 1' },
      { passed: false, value: 'dev', threshold: 'staging' },
    ],
  })
  expect(await getVersion(database, 'g', 1)).toEqual(before)
  const { key } = await getModel(database, 'g')
  const [newest] = await modelHistory(database, key, { limit: 1 })
  expect(newest).toMatchObject({
    kind: 'refused',
    from: 'dev',
    to: 'production',
    reason: 'please',
    gates: refused.gates,
  })
  // Staging has none of them, and a gate that is passed lets through.
  expect(await move('g', 2, 'staging')).toMatchObject({ kind: 'moved', gates: [] })
  expect(await move('g', 2, 'production')).toMatchObject({
    kind: 'moved',
    gates: [{ passed: true }, { passed: true }, { passed: true }],
  })
  expect(await stages('g')).toEqual(['dev', 'production'])
})

test('a dry run tells the same and keeps nothing; force passes gates over, with the reason', async () => {
  const { database } = fixture
  await versions('f', 1)
  await gate('f', 'staging', { kind: 'metric', metric: 'acc', min: 0.9 })
  expect(await move('f', 1, 'staging', { dryRun: true })).toMatchObject({ kind: 'refused', gates: [{ passed: false }] })
  expect(await history('f')).toEqual(['1 registered'])
  expect(await move('f', 1, 'staging', { force: true, reason: 'hotfix' })).toMatchObject({ kind: 'moved' })
  const { key } = await getModel(database, 'f')
  const [forced] = await modelHistory(database, key, { limit: 1 })
  expect(forced).toMatchObject({
    kind: 'promoted',
    forced: true,
    reason: 'hotfix',
    gates: [{ passed: false, value: 0.5 }],
  })
  // Ways down have no gates.
  expect(await move('f', 1, 'dev')).toMatchObject({ kind: 'moved', gates: [] })
  const [{ id } = { id: 0 }] = await listGates(database, key)
  await removeGate(database, 'f', id)
  await expect(removeGate(database, 'f', id)).rejects.toMatchObject({ code: 'not-found' })
  expect(await move('f', 1, 'staging', { force: true, reason: 'x' })).toMatchObject({ kind: 'moved', gates: [] })
  expect((await modelHistory(database, key, { limit: 1 }))[0]).toMatchObject({ forced: false })
})

test('gates look at the version in production, at how the run has ended and at what is wrong with it', async () => {
  const { database } = fixture
  const one = await sampleVersion(database, 'h', { origin: originOf({ acc: 0.9 }) })
  await sampleVersion(database, 'h', { origin: originOf({ acc: 0.9 }) })
  await move('h', 1, 'production')
  await gate('h', 'production', { kind: 'improvement', metric: 'acc', goal: 'maximize', by: 0.01 })
  await gate('h', 'staging', { kind: 'completed' })
  await gate('h', 'staging', { kind: 'health', severity: 'warning' })
  expect(await move('h', 2, 'production')).toMatchObject({
    kind: 'refused',
    gates: [{ value: 0.9, threshold: 0.91, message: expect.stringContaining('version 1 in production has 0.9') }],
  })
  const { runId } = await getVersion(database, 'h', 2)
  if (runId === null || one.runId === null) throw new Error('no run')
  const { key: runKey } = await getRun(database, runId)
  const finding = { rule: 'nan', metric: 'acc', severity: 'error', message: 'NaN', advice: '', evidence: {} } as const
  await storeFindings(database, runKey, [{ ...finding, step: 1, since: 1 }])
  const results = async () => (await move('h', 2, 'staging')).gates.map(({ passed }) => passed)
  expect(await results()).toEqual([false, false])
  await endRun(database, runId, { status: 'failed' })
  expect(await results()).toEqual([false, false])
  const third = await sampleVersion(database, 'h')
  if (third.runId === null) throw new Error('no run')
  await endRun(database, third.runId, { status: 'completed' })
  expect(await move('h', 3, 'staging')).toMatchObject({ kind: 'moved' })
})

test('alone in a stage, the others are archived', async () => {
  await versions('s', 3)
  await move('s', 1, 'staging')
  await move('s', 2, 'staging')
  expect(await stages('s')).toEqual(['staging', 'staging', 'dev'])
  await move('s', 3, 'staging', { alone: true })
  expect(await stages('s')).toEqual(['archived', 'archived', 'staging'])
})
