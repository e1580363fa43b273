import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { HAS_REPLICATES } from './best-config.ts'
import { ingestReports } from './reports.ts'
import { getSweep, listSweeps } from './sweeps.ts'
import { claim, ending, lossBatch, ownedSweep, report, sampleAgent } from './testing/samples.ts'
import { createTrials } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

/** A run of config `{x}`: what it reported at last, or how it ended otherwise, or that it goes on. */
type Run = readonly [x: number, replicate: number, value: number, end?: 'succeeded' | 'user-error' | 'pruned']

async function sweepOf(document: Partial<SweepDocument>, ...steps: readonly (readonly Run[])[]) {
  const { database } = fixture
  const sweep = await ownedSweep(database, document)
  const agent = await sampleAgent(database, { slots: Array.from({ length: 20 }, (_, index) => ({ index })) })
  const seen: unknown[] = []
  for (const runs of steps) {
    for (const [x, replicate, value, end] of runs) {
      const { created } = await createTrials(database, {
        ...{ sweepId: sweep.id, ownerEpoch: sweep.ownerEpoch, basis: 1 },
        trials: [{ config: { x }, source: 'sampler', reason: 'test', replicate }],
      })
      const id = created[0]!.attemptId
      const epoch = await claim(database, id, agent)
      const ended = end === undefined ? {} : { ended: ending(end, end === 'user-error' ? { exitCode: 1 } : {}) }
      await ingestReports(database, agent, [report(id, epoch, { batches: [lossBatch(0, [value])], ...ended })])
    }
    const stored = await getSweep(database, sweep.id)
    expect((await listSweeps(database, { ids: [sweep.id] }))[0]).toEqual(stored)
    seen.push(stored?.best)
  }
  return seen
}

const SEEDS = { replicates: { seeds: 2 }, retry: { max: 0, lostMax: 0 } } as Partial<SweepDocument>

test('with several seeds the best of a sweep is the config of the best mean, not of the luckiest run', async () => {
  const seen = await sweepOf(
    SEEDS,
    [[1, 0, 0.25]],
    [[2, 0, 0.5, 'succeeded']],
    [[2, 1, 0.75, 'succeeded']],
    // Better, but by one run of two.
    [[3, 0, 0.125, 'succeeded']],
    [[3, 1, 0.25, 'succeeded']],
    // What failed or was stopped early counts for nothing.
    [
      [4, 0, 0, 'user-error'],
      [4, 1, 0, 'pruned'],
    ],
  )
  expect(seen).toEqual([
    null,
    { trial: 2, value: 0.5, config: { x: 2 }, runs: 1 },
    { trial: 2, value: 0.625, config: { x: 2 }, runs: 2 },
    { trial: 2, value: 0.625, config: { x: 2 }, runs: 2 },
    { trial: 4, value: 0.1875, config: { x: 3 }, runs: 2 },
    { trial: 4, value: 0.1875, config: { x: 3 }, runs: 2 },
  ])
})

test('by the goal, and never a config with a run that breaks a constraint', async () => {
  const metric = { name: 'loss', goal: 'maximize', summary: 'best' } as const
  const runs: Run[] = [
    [1, 0, 1, 'succeeded'],
    [1, 1, 2, 'succeeded'],
    [2, 0, 9, 'succeeded'],
    [2, 1, 3, 'succeeded'],
  ]
  expect(await sweepOf({ ...SEEDS, metric }, runs)).toEqual([{ trial: 3, value: 6, config: { x: 2 }, runs: 2 }])
  const constraints = [{ name: 'loss', max: 8 }]
  expect(await sweepOf({ ...SEEDS, metric, constraints }, runs)).toEqual([
    { trial: 1, value: 1.5, config: { x: 1 }, runs: 2 },
  ])
})

test('without, it is a trial', async () => {
  expect(
    await sweepOf({}, [
      [1, 0, 0.25],
      [2, 0, 0.5, 'succeeded'],
    ]),
  ).toEqual([{ trial: 1, value: 0.25, config: { x: 1 }, runs: null }])
})

test('reading one sweep does not read the documents of the others', async () => {
  const { id } = await ownedSweep(fixture.database)
  const { rows } = await fixture.database.query<{ 'QUERY PLAN': string }>(
    `explain select ${HAS_REPLICATES} from sweeps s where s.id = '${id}'`,
  )
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toContain('Index Scan using sweep_definitions_pkey')
  expect(plan).not.toMatch(/hashed|Seq Scan/)
})
