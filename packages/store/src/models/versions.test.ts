import { ModelName } from '@sweep/spec/models/names'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { retireUnused } from '../objects.ts'
import { originOf, sampleFile, sampleVersion } from '../testing/sample-model.ts'
import { sampleRun } from '../testing/sample-run.ts'
import { deleteArtifact } from '../tracking/run-artifacts.ts'
import { deleteRun } from '../tracking/runs.ts'
import { changeModel, createModel, deleteModel, getModel, listModels } from './models.ts'
import { getVersion, listVersions, versionNamed } from './version-record.ts'
import {
  changeVersion,
  deleteVersion,
  modelFiles,
  type NewVersion,
  registerVersion,
  removeModelAlias,
  setModelAlias,
  settleOrigin,
} from './versions.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

const PLAIN: Omit<NewVersion, 'model' | 'made'> = {
  ...{ makesModel: true, isSameAgain: true, source: null, framework: null, signature: null, dataVersion: null },
  ...{ description: '', tags: {}, aliases: [], origin: originOf({}), createdBy: 'user:me' },
}

test('the files of a version are those of the folder as it was, and stay when the run loses them', async () => {
  const { database } = fixture
  const { id } = await sampleRun(database)
  const first = await sampleFile(database, id, 'models/net/weights', 'one')
  await sampleFile(database, id, 'models/net/deep/config', 'config')
  await sampleFile(database, id, 'models/network', 'another model')
  const registered = { ...PLAIN, model: ModelName.parse('files'), made: { runId: id, path: 'models/net' } }
  const { version } = await registerVersion(database, registered)
  expect(version).toMatchObject({ version: 1, stage: 'dev', files: 2, sizeBytes: 9, runId: id, path: 'models/net' })
  await sampleFile(database, id, 'models/net/weights', 'two')
  await deleteArtifact(database, id, 'models/net/weights')
  await database.query(`update objects set held_until = now() - interval '1 second'`)
  const second = await retireUnused(database, 100)
  expect(second).toHaveLength(1)
  expect(second).not.toContain(first)
  expect(await modelFiles(database, version)).toMatchObject([
    { path: 'deep/config', sizeBytes: 6 },
    { path: 'weights', sizeBytes: 3, sha256: first },
  ])
  await deleteVersion(database, 'files', 1, 'user:me')
  expect(await retireUnused(database, 100)).toContain(first)
})

test('a single file is a model too, under its own name', async () => {
  const { database } = fixture
  const { id } = await sampleRun(database)
  await sampleFile(database, id, 'out/model.onnx', 'onnx')
  const made = { runId: id, path: 'out/model.onnx' }
  const { version } = await registerVersion(database, { ...PLAIN, model: ModelName.parse('one-file'), made })
  expect(await modelFiles(database, version)).toMatchObject([{ path: 'model.onnx' }])
})

test('the same files again are the version there is, other ones and other runs are not', async () => {
  const { database } = fixture
  const { id } = await sampleRun(database)
  await sampleFile(database, id, 'm/a', 'one')
  const registered = { ...PLAIN, model: ModelName.parse('again'), made: { runId: id, path: 'm' } }
  const register = async (more: Partial<NewVersion> = {}) => {
    const { version, created } = await registerVersion(database, { ...registered, ...more })
    return [version.version, created]
  }
  const ten = await Promise.all(Array.from({ length: 10 }, () => register()))
  expect(ten.map(([number]) => number)).toEqual(Array(10).fill(1))
  expect(ten.filter(([, created]) => created)).toHaveLength(1)
  expect(await register({ isSameAgain: false })).toEqual([2, true])
  await sampleFile(database, id, 'm/a', 'two')
  expect(await register()).toEqual([3, true])
  await sampleFile(database, id, 'm/b', 'beside')
  expect(await register({ aliases: ['best'] })).toEqual([4, true])
  expect(await register()).toEqual([4, false])
})

test('numbers are given once, also when the version is deleted', async () => {
  const { database } = fixture
  const made = await Promise.all(Array.from({ length: 8 }, () => sampleVersion(database, 'numbers')))
  expect(made.map(({ version }) => version).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  await deleteVersion(database, 'numbers', 8, 'user:me')
  expect((await sampleVersion(database, 'numbers')).version).toBe(9)
  await expect(deleteVersion(database, 'numbers', 8, 'user:me')).rejects.toMatchObject({ code: 'not-found' })
})

test('what is not there, or deleted, is not registered', async () => {
  const { database } = fixture
  const { id } = await sampleRun(database)
  const registered = { ...PLAIN, model: ModelName.parse('missing'), made: { runId: id, path: 'models/none' } }
  await expect(registerVersion(database, registered)).rejects.toMatchObject({ code: 'not-found' })
  expect(await listModels(database, { limit: 1000 })).not.toContainEqual(expect.objectContaining({ name: 'missing' }))
  await sampleFile(database, id, 'models/none', 'x')
  await expect(registerVersion(database, { ...registered, makesModel: false })).rejects.toMatchObject({
    code: 'not-found',
  })
  await deleteRun(database, id)
  await expect(registerVersion(database, registered)).rejects.toMatchObject({ code: 'conflict' })
})

test('versions are found by number, alias, latest and stage', async () => {
  const { database } = fixture
  for (let n = 0; n < 3; n += 1) await sampleVersion(database, 'named')
  await setModelAlias(database, 'named', 'champion', '1')
  const number = async (name: string) => (await versionNamed(database, 'named', name)).version
  expect([await number('2'), await number('latest'), await number('champion'), await number('dev')]).toEqual([
    2, 3, 1, 3,
  ])
  await setModelAlias(database, 'named', 'champion', 'latest')
  expect(await number('champion')).toBe(3)
  expect((await getVersion(database, 'named', 3)).aliases).toEqual(['champion'])
  expect(await getModel(database, 'named')).toMatchObject({ versions: 3, aliases: { champion: 3 }, stages: { dev: 3 } })
  await removeModelAlias(database, 'named', 'champion')
  for (const name of ['champion', 'production', '4', '99999999999', '9999999999', "'; drop table models; --", '\0']) {
    await expect(versionNamed(database, 'named', name), name).rejects.toMatchObject({ code: 'not-found' })
  }
  await expect(setModelAlias(database, 'named', 'x', '9')).rejects.toMatchObject({ code: 'not-found' })
})

test('what made a version is settled once; what was said of its data stands', async () => {
  const { database } = fixture
  const version = await sampleVersion(database, 'origin', {
    ...{ origin: originOf({ acc: Number.NaN }, false), dataVersion: 'v7', signature: { in: 'x\0', out: [1] } },
  })
  expect(version.origin).toMatchObject({ isFinal: false, dataVersion: 'v7', metrics: { acc: { last: Number.NaN } } })
  expect(version.signature).toEqual({ in: 'x\ufffd', out: [1] })
  await settleOrigin(database, version, { ...originOf({ acc: 0.9 }), dataVersion: 'v1' })
  await settleOrigin(database, version, originOf({ acc: 0.1 }))
  expect((await getVersion(database, 'origin', 1)).origin).toMatchObject({
    ...{ isFinal: true, dataVersion: 'v7', metrics: { acc: { last: 0.9 } } },
  })
  const changed = await changeVersion(database, 'origin', 1, { description: 'd', tags: { a: '1', b: null } })
  expect(changed).toMatchObject({ description: 'd', tags: { a: '1' } })
  expect(await changeVersion(database, 'origin', 1, { tags: { a: null } })).toMatchObject({
    description: 'd',
    tags: {},
  })
})

test('models are listed by name in pages, renamed and deleted', async () => {
  const { database } = fixture
  const model = (name: string) => ({
    ...{ name: ModelName.parse(name), description: '', tags: {}, ifExists: 'refuse' as const, createdBy: 'user:me' },
  })
  for (const name of ['p-é', 'p-a', 'p-B', 'p-"q"']) await createModel(database, model(name))
  await expect(createModel(database, model('p-a'))).rejects.toMatchObject({ code: 'conflict' })
  const names = async (after: string, limit: number) =>
    (await listModels(database, { after, limit })).map(({ name }) => name)
  expect(await names('p', 3)).toEqual(['p-"q"', 'p-B', 'p-a'])
  expect((await names('p-a', 10))[0]).toBe('p-é')
  await expect(changeModel(database, 'p-a', { name: ModelName.parse('p-B') })).rejects.toMatchObject({
    code: 'conflict',
  })
  expect(await changeModel(database, 'p-a', { name: ModelName.parse('p-c'), tags: { x: 'y' } })).toMatchObject({
    ...{ name: 'p-c', tags: { x: 'y' } },
  })
  await deleteModel(database, 'p-c')
  await expect(getModel(database, 'p-c')).rejects.toMatchObject({ code: 'not-found' })
  const one = await sampleVersion(database, 'z1')
  await sampleVersion(database, 'z2', { made: { runId: one.runId ?? (undefined as never), path: 'models/net' } })
  const ofRun = await listVersions(database, { runIds: [one.runId ?? ''], limit: 10 })
  expect(ofRun.map((version) => version.model)).toEqual(['z1', 'z2'])
  const rest = await listVersions(database, {
    runIds: [one.runId ?? ''],
    after: { model: 'z1', version: 1 },
    limit: 10,
  })
  expect(rest.map((version) => version.model)).toEqual(['z2'])
})

test.each([
  ['', false],
  ['a/b', false],
  ['a:b', false],
  ['a@b', false],
  ['..', false],
  [' a', false],
  ['a\nb', false],
  ['é'.repeat(126), false],
  ['é'.repeat(125), true],
  ['it\'s "quoted" 🦊', true],
])('%j as the name of a model', (name, isGood) => {
  expect(ModelName.safeParse(name).success).toBe(isGood)
})
