import { createHash } from 'node:crypto'
import { AttemptId, RunId } from '@sweep/spec/ids'
import { NoteArtifact } from '@sweep/spec/wire/tracking/artifacts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { keepArtifact } from '../artifacts.ts'
import { findObject, finishObject, reserveObject, retireUnused } from '../objects.ts'
import { sampleRun } from '../testing/sample-run.ts'
import { claim, issue, ownedSweep, sampleAgent } from '../testing/samples.ts'
import { artifactVersions, deleteArtifact, listRunArtifacts, noteArtifact, requireArtifact } from './run-artifacts.ts'
import { getRun } from './runs.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

/** An object that the store has, and nothing holds any longer. */
async function stored(text: string): Promise<string> {
  const sha256 = createHash('sha256').update(text).digest('hex')
  await reserveObject(fixture.database, sha256)
  await finishObject(fixture.database, sha256, text.length)
  return sha256
}

async function unused(): Promise<string[]> {
  await fixture.database.query(`update objects set held_until = now() - interval '1 second'`)
  return retireUnused(fixture.database, 100)
}

async function note(runId: RunId, path: string, sha256: string, more: object = {}) {
  return noteArtifact(fixture.database, runId, NoteArtifact.parse({ path, sha256, ...more }), null)
}

test('bytes of every version stay until the file is deleted', async () => {
  const { database } = fixture
  const { id, key } = await sampleRun(database)
  const [first, second] = [await stored('version one'), await stored('version two')]
  await note(id, 'a', first)
  await note(id, 'a', second)
  expect(await unused()).toEqual([])
  expect((await artifactVersions(database, key, 'a')).map(({ version, sha256 }) => [version, sha256])).toEqual([
    [2, second],
    [1, first],
  ])
  await deleteArtifact(database, id, 'a')
  expect((await unused()).sort()).toEqual([first, second].sort())
  await expect(deleteArtifact(database, id, 'a')).rejects.toMatchObject({ code: 'not-found' })
  await expect(note(id, 'a', first)).rejects.toMatchObject({ code: 'not-found' })
})

test('ten that upload to one path at once make ten versions, numbered without gaps', async () => {
  const { database } = fixture
  const { id, key } = await sampleRun(database)
  const hashes = await Promise.all(Array.from({ length: 10 }, (_, n) => stored(`at once ${n}`)))
  await Promise.all(hashes.map((sha256, n) => note(id, 'p', sha256, { aliases: [`n${n}`, 'mine'] })))
  const versions = await artifactVersions(database, key, 'p')
  expect(versions.map(({ version }) => version)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  expect(new Set(versions.map(({ sha256 }) => sha256))).toEqual(new Set(hashes))
  for (const [n, sha256] of hashes.entries()) {
    expect((await requireArtifact(database, id, key, 'p', `n${n}`)).sha256).toBe(sha256)
  }
  // The last to come has the name that all of them gave.
  expect((await requireArtifact(database, id, key, 'p', 'mine')).version).toBe(10)
})

test('a file that the agent uploads in the end takes the place of what the program has uploaded', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const attemptId = AttemptId.parse((await issue(database, sweep, [1]))[0])
  const epoch = await claim(database, attemptId, agent)
  const id = RunId.parse(`${sweep.id}-1`)
  const [early, late] = [await stored('early'), await stored('late')]
  await noteArtifact(database, id, NoteArtifact.parse({ path: 'm', sha256: early, type: 'model' }), attemptId)
  expect(await keepArtifact(database, agent, { attemptId, epoch, path: 'm', sha256: late })).toBe('kept')
  const { key } = await getRun(database, id)
  expect(await listRunArtifacts(database, key, { limit: 10 })).toMatchObject([
    { path: 'm', version: 2, sha256: late, type: 'model', aliases: ['latest'] },
  ])
  expect(await findObject(database, late)).toBe(4)
})
