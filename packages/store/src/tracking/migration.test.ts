import { readdir, readFile } from 'node:fs/promises'
import { RunId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { compactAttempts } from '../metrics.ts'
import { encodeLines } from '../points-codec.ts'
import { runMetrics } from './run-metrics.ts'
import { getRun } from './runs.ts'

const FOLDER = new URL('../../migrations/', import.meta.url)
const TRACKING = '0009_tracking.sql'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase({ migrated: false })
})
afterAll(() => fixture.drop())

test('trials of a release without tracking come up with status, params and metrics', async () => {
  const { database } = fixture
  const files = (await readdir(FOLDER)).sort()
  const run = async (name: string) => database.query(await readFile(new URL(name, FOLDER), 'utf8'))
  for (const name of files.filter((file) => file < TRACKING)) await run(name)
  await database.query(`
    insert into projects (name) values ('default');
    insert into experiments (id, project_id, name, kind) values ('0000000001', 1, 'old', 'sweep');
    insert into sweeps (id, name, method, priority, seed, queue, shape, shape_key, retry_max, retry_lost_max)
    values ('0000000001', 'old', 'random', 1, 1, 'default', '{}', '', 0, 0);
    insert into trials (sweep_id, number, state, config, hash, source, reason, ended_at)
    values ('0000000001', 1, 'completed', '{"lr": 0.1, "opt": {"name": "adam", "betas": [1, 2], "more": {}}}', 'a', 'user', 'r', now()),
           ('0000000001', 2, 'pruned', '{}', 'b', 'user', 'r', now());
    insert into runs (id, experiment_id, sweep_id, trial)
    values ('0000000001-1', '0000000001', '0000000001', 1), ('0000000001-2', '0000000001', '0000000001', 2);
    insert into attempts (id, sweep_id, trial, number, run_key, state, queue_name, cause, ended_at, batches)
    values ('0000000001-1-1', '0000000001', 1, 1, 1, 'ended', 'q', 'succeeded', now(), 1);
    insert into metric_names (name) values ('loss')`)
  await database.query('insert into metric_batches (attempt_key, batch, points) values (1, 0, $1)', [
    encodeLines([{ step: 4, at: 5, values: [{ nameId: 1, value: 0.25 }] }]),
  ])
  // Those after it too: the code reads what they add.
  for (const name of files.filter((file) => file >= TRACKING)) await run(name)
  const first = await getRun(database, RunId.parse('0000000001-1'))
  expect(first).toMatchObject({
    status: 'completed',
    name: 'old/1',
    tags: {},
    params: { lr: 0.1, 'opt.name': 'adam', 'opt.betas': [1, 2], 'opt.more': {} },
  })
  expect(await getRun(database, RunId.parse('0000000001-2'))).toMatchObject({ status: 'killed', params: {} })
  const live = await runMetrics(database, first.key)
  expect(live).toMatchObject([{ name: 'loss', points: 1, last: 0.25, lastStep: 4 }])
  expect(await compactAttempts(database)).toBe(1)
  expect(await runMetrics(database, first.key)).toEqual(live)
  // A run that the release before makes beside this one has no params of its own yet.
  await database.query(`update runs set params = null where id = '0000000001-1'`)
  expect((await getRun(database, first.id)).params).toMatchObject({ lr: 0.1 })
})
