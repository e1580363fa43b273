import { type AttemptId, attemptParts } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { pendingStops } from './agents.ts'
import { newBatches } from './health/watched-points.ts'
import { heartbeats } from './heartbeats.ts'
import { ingestReports } from './reports.ts'
import { askStop } from './stops.ts'
import { claim, ending, issue, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'

const room = { slots: 1, gpuSlots: 0, cpus: 1, memoryBytes: 1e9 }

/** One connection: its statements are planned when the sweep has one trial, and its counts are all there are. */
let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase({ max: 1 })
})
afterAll(() => fixture.drop())

type Table = 'trials' | 'attempts' | 'metric_batches'

/** Rows that statements read meanwhile. */
async function rowsRead(work: () => Promise<unknown>): Promise<Record<Table, number>> {
  const count = async () => {
    await fixture.database.query('select pg_stat_force_next_flush()')
    const { rows } = await fixture.database.query<{ name: Table; read: number }>(
      `select relname as name, seq_tup_read + idx_tup_fetch as read from pg_stat_user_tables
        where schemaname = current_schema() and relname in ('trials', 'attempts', 'metric_batches')`,
    )
    return new Map(rows.map(({ name, read }) => [name, read]))
  }
  const before = await count()
  await work()
  const after = await count()
  const read = (name: Table) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  return { trials: read('trials'), attempts: read('attempts'), metric_batches: read('metric_batches') }
}

test('what an attempt costs does not grow with the trials that its sweep had before', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const run = async (x: number) => {
    const [id] = await issue(database, sweep, [x])
    if (id === undefined) throw new Error('nothing issued')
    const epoch = await claim(database, id, agent)
    await ingestReports(database, agent, [
      report(id, epoch, { batches: [lossBatch(0, [x])], ended: ending('succeeded') }),
    ])
  }
  await database.query('analyze')
  await run(1)
  await issue(
    database,
    sweep,
    Array.from({ length: 300 }, (_, index) => index + 2),
  )
  expect((await rowsRead(() => run(1000))).trials).toBeLessThan(100)
})

test('nor with the attempts that run and wait beside it, whatever is asked of it', async () => {
  const { database } = fixture
  const sweep = await ownedSweep(database)
  const agent = await sampleAgent(database)
  const start = async (xs: readonly number[]) => {
    const ids = await issue(database, sweep, xs)
    const epochs = new Map<AttemptId, number>()
    for (const id of ids) epochs.set(id, await claim(database, id, agent))
    return epochs
  }
  const renewal = { leaseMs: 60_000, sureMs: 60_000 }
  const each: Record<string, (ids: ReadonlyMap<AttemptId, number>) => Promise<unknown>> = {
    'a report': (ids) =>
      ingestReports(
        database,
        agent,
        [...ids].map(([id, epoch]) => report(id, epoch, { batches: [lossBatch(0, [1])] })),
      ),
    'a stream of stops to an idle agent': async () => pendingStops(database, await sampleAgent(database)),
    'a heartbeat': (ids) => {
      const attempts = [...ids].map(([attemptId, epoch]) => ({ attemptId, epoch }))
      return heartbeats(database, [{ agentId: agent, beat: { room, draining: false, attempts } }], renewal)
    },
    'a look at its points': async (ids) => {
      const { rows } = await database.query<{ key: number }>('select key from attempts where id = any($1)', [
        [...ids.keys()],
      ])
      const batches = await newBatches(
        database,
        rows.map(({ key }) => ({ attemptKey: key, first: 0 })),
      )
      expect(batches).toHaveLength(ids.size)
    },
    'a stop': (ids) =>
      askStop(database, {
        ...{ sweepId: sweep.id, basis: 0, by: 'asha' },
        stops: [...ids.keys()].map((id) => ({
          ...{ trial: attemptParts(id).trial, reason: 'pruned', verdict: { reason: 'worse than others' } },
        })),
      }),
    'an end': (ids) =>
      ingestReports(
        database,
        agent,
        [...ids].map(([id, epoch]) => report(id, epoch, { ended: ending('pruned') })),
      ),
  }
  // Plans are made while there is next to nothing.
  const first = await start([-1])
  for (const step of Object.values(each)) await step(first)
  const others = await start(Array.from({ length: 300 }, (_, index) => index))
  await each['a report']?.(others)
  await issue(
    database,
    sweep,
    Array.from({ length: 300 }, (_, index) => 1000 + index),
  )
  let mine: ReadonlyMap<AttemptId, number> = new Map()
  const claimed = await rowsRead(async () => {
    mine = await start([5000, 5001, 5002])
  })
  expect(claimed.attempts, 'attempts read by claims').toBeLessThan(60)
  expect(claimed.trials, 'trials read for new configs and by claims').toBeLessThan(60)
  for (const [name, step] of Object.entries(each)) {
    const { trials, attempts, metric_batches: batches } = await rowsRead(() => step(mine))
    expect(trials, `trials read by ${name}`).toBeLessThan(60)
    expect(attempts, `attempts read by ${name}`).toBeLessThan(60)
    expect(batches, `batches read by ${name}`).toBeLessThan(60)
  }
})
