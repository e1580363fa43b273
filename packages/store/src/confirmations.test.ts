import { SweepId } from '@sweep/spec/ids'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkInvariants } from '../../../test/support/invariants.ts'
import { type TestDatabase, testDatabase } from '../../../test/support/postgres.ts'
import { confirmationsOf } from './confirmations.ts'
import { loadFacts } from './facts.ts'
import { createSweep, getSweep } from './sweeps.ts'
import { claim, sampleAgent, sampleDocument, sampleSweep } from './testing/samples.ts'
import { listTrials, type NewTrial } from './trials.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

const again = (x: number): NewTrial => ({ config: { x }, source: 'user', reason: 'again' })

async function confirming(id: string, of: string, trials: readonly NewTrial[], budget = trials.length) {
  return createSweep(fixture.database, {
    ...{ id: SweepId.parse(id), name: 'again', source: '', file: 'f', workdir: '/w', trials },
    document: sampleDocument({
      ...{ budget: { trials: budget }, replicates: { seeds: 2 }, confirms: { sweep: of, trials: [1, 2] } },
    }),
  })
}

test('a sweep with its first trials is there at once or not at all', async () => {
  const { database } = fixture
  const parent = await sampleSweep(database)
  const child = await confirming('zzzzzzzzz1', parent.id, [again(1), again(2), again(1), again(2)])
  expect(child).toMatchObject({ state: 'running', trials: { queued: 4 }, createdTrials: 4 })
  const rows = await listTrials(database, { sweepId: child.id })
  expect(rows.map(({ config, replicate }) => [config['x'], replicate])).toEqual([
    [1, 0],
    [2, 0],
    [1, 1],
    [2, 1],
  ])
  expect((await loadFacts(database, child.id, 0)).map(({ kind }) => kind).slice(0, 3)).toEqual([
    'sweep-created',
    'trial-created',
    'attempt-queued',
  ])
  await claim(database, `${child.id}-3-1` as never, await sampleAgent(database))
  expect(await checkInvariants(database)).toEqual([])
  await expect(confirming('zzzzzzzzz2', parent.id, [again(1), again(2)], 1)).rejects.toThrow('below its first trials')
  expect(await getSweep(database, SweepId.parse('zzzzzzzzz2'))).toBeUndefined()
})

test('the sweeps that confirm one are found by it, the newest first', async () => {
  const { database } = fixture
  const parent = await sampleSweep(database)
  expect(await confirmationsOf(database, parent.id)).toEqual([])
  await confirming('zzzzzzzzz3', parent.id, [again(1)])
  await confirming('zzzzzzzzz4', parent.id, [again(1)])
  expect(await confirmationsOf(database, parent.id)).toEqual(['zzzzzzzzz4', 'zzzzzzzzz3'])
})
