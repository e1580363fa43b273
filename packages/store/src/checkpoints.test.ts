import type { AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { getArtifact, keepArtifact, listArtifacts } from './artifacts.ts'
import { checkpointCopy, dropCheckpoints, dropEndedCheckpoints, keepCheckpoint } from './checkpoints.ts'
import { finishObject, holdObject, objectName, removeRetired, reserveObject, retireUnused } from './objects.ts'
import { ownedSweep, sampleAgent } from './testing/samples.ts'

let own: TestDatabase
let agentId: AgentId
beforeAll(async () => {
  own = await testDatabase()
  agentId = await sampleAgent(own.database)
})
afterAll(() => own.drop())

let objects = 0

/** The name of an object that is stored. */
async function stored(bytes = 1): Promise<string> {
  objects += 1
  const sha256 = objects.toString(16).padStart(64, '0')
  await reserveObject(own.database, sha256)
  await finishObject(own.database, sha256, bytes)
  return sha256
}

interface TrialState {
  readonly state?: string
  readonly loss?: number | null
  readonly parent?: number
}

/** A trial in a state with one running attempt of the agent, put there without going through its life. */
async function trialOf(
  sweepId: SweepId,
  number: number,
  { state = 'running', loss = null, parent }: TrialState = {},
): Promise<AttemptId> {
  const { database } = own
  const isOver = ['completed', 'pruned', 'failed', 'cancelled'].includes(state)
  const id = `${sweepId}-${number}-1`
  await database.query(
    `insert into trials (sweep_id, number, state, config, hash, source, reason, loss, parent, ended_at)
     values ($1, $2, $3, '{}', $4, 'sampler', 'test', $5, $6, case when $7 then now() end)`,
    [sweepId, number, state, String(number), loss, parent, isOver],
  )
  const run = await database.query<{ key: number }>(
    `insert into runs (id, experiment_id, sweep_id, trial) values ($1 || '-' || $2::int, $1, $1, $2) returning key`,
    [sweepId, number],
  )
  await database.query(
    `insert into attempts (id, sweep_id, trial, number, run_key, state, epoch, queue_name, agent_id, lease_until, claimed_at)
     values ($1, $2, $3, 1, $4, 'running', 1, 'q', $5, now() + interval '1 hour', now())`,
    [id, sweepId, number, run.rows[0]?.key, agentId],
  )
  return id as AttemptId
}

async function save(attemptId: AttemptId, step: number, bytes = 1): Promise<string> {
  const sha256 = await stored(bytes)
  const kept = await keepCheckpoint(own.database, agentId, {
    attemptId,
    epoch: 1,
    step,
    path: `/host/${attemptId}/${step}`,
    sha256,
  })
  expect(kept).toBe('kept')
  return sha256
}

async function left(sweepId: SweepId): Promise<string[]> {
  const { rows } = await own.database.query<{ name: string }>(
    `select trial || '@' || step as name from checkpoints where sweep_id = $1 order by trial, step`,
    [sweepId],
  )
  return rows.map((row) => row.name)
}

const KEEP = { bestKept: 2, populations: ['pbt'] }

test('a checkpoint is kept only of an attempt that the agent has, and only with its bytes', async () => {
  const { database } = own
  const { id } = await ownedSweep(database)
  const attemptId = await trialOf(id, 1)
  const checkpoint = { attemptId, epoch: 1, step: 3, path: '/x/3', sha256: await stored() }
  expect(await keepCheckpoint(database, agentId, { ...checkpoint, epoch: 2 })).toBe('fenced')
  expect(await keepCheckpoint(database, await sampleAgent(database), checkpoint)).toBe('fenced')
  expect(await keepCheckpoint(database, agentId, { ...checkpoint, sha256: 'f'.repeat(64) })).toBe('missing')
  expect(await keepCheckpoint(database, agentId, checkpoint)).toBe('kept')
  expect(await keepCheckpoint(database, agentId, checkpoint)).toBe('kept')
  expect(await left(id)).toEqual(['1@3'])

  // What a host saves that comes back from the dead would be its successor's past.
  const end = (cause: string) =>
    database.query(
      `update attempts set state = 'ended', cause = $2, ended_at = now(), lease_until = null where id = $1`,
      [attemptId, cause],
    )
  await end('paused')
  expect(await keepCheckpoint(database, agentId, { ...checkpoint, step: 4 })).toBe('kept')
  await end('lost')
  expect(await keepCheckpoint(database, agentId, { ...checkpoint, step: 5 })).toBe('fenced')
  expect(await keepArtifact(database, agentId, { attemptId, epoch: 1, path: 'a', sha256: checkpoint.sha256 })).toBe(
    'fenced',
  )
})

test("a trial goes on from the copy of its checkpoint, or an older one of its own, or its parent's", async () => {
  const { database } = own
  const { id } = await ownedSweep(database)
  const parent = await trialOf(id, 1)
  const child = await trialOf(id, 2, { parent: 1 })
  expect(await checkpointCopy(database, id, 2, { step: 5, path: '/host/x/5' })).toBeUndefined()
  const five = await save(parent, 5, 50)
  await save(parent, 9)
  expect(await checkpointCopy(database, id, 2, { step: 5, path: `/host/${parent}/5` })).toEqual({
    step: 5,
    sha256: five,
    sizeBytes: 50,
  })
  const six = await save(child, 6, 60)
  expect(await checkpointCopy(database, id, 2, { step: 8, path: `/host/${child}/8` })).toEqual({
    step: 6,
    sha256: six,
    sizeBytes: 60,
  })
  expect(await checkpointCopy(database, id, 2, { step: 4, path: `/host/${child}/4` })).toBeUndefined()
})

test('of trials that go on and of the best the newest checkpoint stays, of the others none', async () => {
  const { database } = own
  const { id } = await ownedSweep(database)
  const trials: TrialState[] = [
    { state: 'running', loss: 9 },
    { state: 'paused', loss: 8 },
    { state: 'queued' },
    { state: 'completed', loss: 0.3 },
    { state: 'completed', loss: 0.1 },
    { state: 'pruned', loss: 0.2 },
    { state: 'failed' },
  ]
  for (const [index, trial] of trials.entries()) {
    const failure = trial.state === 'failed'
    if (failure) continue
    const attemptId = await trialOf(id, index + 1, trial)
    for (const step of [1, 2]) await save(attemptId, step)
  }
  await dropCheckpoints(database, KEEP)
  expect(await left(id)).toEqual(['1@2', '2@2', '3@2', '5@2', '6@2'])
  await dropCheckpoints(database, { ...KEEP, bestKept: 0 })
  expect(await left(id)).toEqual(['1@2', '2@2', '3@2'])
})

test('a population that trains keeps the state of every member; one that has ended only of the best', async () => {
  const { database } = own
  const { id } = await ownedSweep(database, { method: 'pbt' })
  for (const number of [1, 2, 3, 4]) await save(await trialOf(id, number, { state: 'completed', loss: number }), 1)
  await dropCheckpoints(database, KEEP)
  expect(await left(id)).toHaveLength(4)
  await database.query(`update sweeps set state = 'completed', ended_at = now() where id = $1`, [id])
  await dropCheckpoints(database, KEEP)
  expect(await left(id)).toEqual(['1@1', '2@1'])
})

test('what an attempt is to go on from stays, also when it is no longer the newest', async () => {
  const { database } = own
  const { id } = await ownedSweep(database)
  const parent = await trialOf(id, 1, { state: 'completed' })
  for (const step of [1, 2]) await save(parent, step)
  const child = await trialOf(id, 2, { parent: 1 })
  await database.query(`update attempts set restore = jsonb_build_object('step', 1, 'path', $2::text) where id = $1`, [
    child,
    `/host/${parent}/1`,
  ])
  await dropCheckpoints(database, KEEP)
  expect(await left(id)).toEqual(['1@1'])
})

test('over the quota the checkpoints of ended sweeps go, the oldest first, and no others', async () => {
  const { database } = own
  const [old, young, running] = [await ownedSweep(database), await ownedSweep(database), await ownedSweep(database)]
  for (const { id } of [old, young, running]) await save(await trialOf(id, 1, { state: 'completed', loss: 1 }), 1, 100)
  for (const { id } of [old, young])
    await database.query(`update sweeps set state = 'completed', ended_at = now() where id = $1`, [id])
  await database.query(`delete from checkpoints where sweep_id <> all($1)`, [[old.id, young.id, running.id]])
  expect(await dropEndedCheckpoints(database, 100)).toBe(1)
  expect([await left(old.id), await left(young.id)]).toEqual([[], ['1@1']])
  expect(await dropEndedCheckpoints(database, 1_000_000)).toBe(1)
  expect(await left(running.id)).toEqual(['1@1'])
})

test('a deletion and a reference that meet: either the object stays, or the reference is refused', async () => {
  const { database } = own
  const sha256 = await stored()
  await database.query(`update objects set held_until = now() - interval '1 second' where sha256 = $1`, [
    objectName(sha256),
  ])
  let retired: Promise<string[]> | undefined
  await database.tx(async (tx) => {
    expect(await holdObject(tx, objectName(sha256))).toBe(true)
    // It waits for this transaction, and then sees that the object is held.
    retired = retireUnused(database, 10)
    await new Promise((resolve) => setTimeout(resolve, 100))
  })
  expect(await retired).not.toContain(sha256)

  await database.query(`update objects set held_until = now() - interval '1 second' where sha256 = $1`, [
    objectName(sha256),
  ])
  expect(await retireUnused(database, 10)).toContain(sha256)
  expect(await database.tx((tx) => holdObject(tx, objectName(sha256)))).toBe(false)
  // Somebody begins to put it anew before its bytes are gone.
  await reserveObject(database, sha256)
  let deleted = 0
  const deleteBytes = async () => {
    deleted += 1
  }
  expect(await removeRetired(database, sha256, deleteBytes)).toBe(false)
  await database.query(`update objects set held_until = now() - interval '1 second' where sha256 = $1`, [
    objectName(sha256),
  ])
  const failing = removeRetired(database, sha256, async () => {
    throw new Error('the store is away')
  })
  await expect(failing).rejects.toThrow('the store is away')
  expect(await retireUnused(database, 10)).toContain(sha256)
  expect(await removeRetired(database, sha256, deleteBytes)).toBe(true)
  expect(deleted).toBe(1)
})

test('a later attempt replaces the file of an earlier one, and not the other way round', async () => {
  const { database } = own
  const { id } = await ownedSweep(database)
  const first = await trialOf(id, 1)
  const second = `${id}-1-2` as AttemptId
  await database.query(
    `insert into attempts (id, sweep_id, trial, number, run_key, state, epoch, queue_name, agent_id, lease_until, claimed_at)
     select $1, sweep_id, trial, 2, run_key, 'running', 1, 'q', agent_id, lease_until, claimed_at from attempts where id = $2`,
    [second, first],
  )
  const put = async (attemptId: AttemptId) => {
    const sha256 = await stored()
    await keepArtifact(database, agentId, { attemptId, epoch: 1, path: 'model.bin', sha256 })
    return sha256
  }
  await put(first)
  const newest = await put(second)
  await put(first)
  expect(await listArtifacts(database, id, 1, { limit: 10 })).toMatchObject([
    { path: 'model.bin', sha256: newest, attempt: 2 },
  ])
  expect(await getArtifact(database, id, 1, 'model.bin')).toMatchObject({ sha256: newest })
  expect(await getArtifact(database, id, 2, 'model.bin')).toBeUndefined()
})
