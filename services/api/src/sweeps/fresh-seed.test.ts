import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepId } from '@sweep/spec/ids'
import { createSweep } from '@sweep/store/sweeps'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { trialSeed } from '../trials/trial-seed.ts'
import { freshSeed } from './fresh-seed.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

const PARENT = SweepId.parse('zzzzzzzzz1')

async function store(id: SweepId, document: object, trials: number): Promise<SweepDocument> {
  const full = SweepDocument.parse({
    ...{ method: 'random', metric: { name: 'loss', goal: 'minimize' }, command: ['true'], seed: 5 },
    space: { parameters: [{ type: 'float', name: 'x', path: ['x'], min: 0, max: 1 }] },
    ...document,
  })
  await createSweep(fixture.database, {
    ...{ id, name: 'test', document: full, source: '', file: 'f', workdir: '/w' },
    trials: Array.from({ length: trials }, (_, n) => ({ config: { x: n % 2 }, source: 'user', reason: 'test' })),
  })
  return full
}

/** Gives these seeds one after the other, as four bytes each. */
function bytesOf(...seeds: number[]) {
  return () => {
    const bytes = Buffer.alloc(4)
    // The lowest bit is dropped, so that seeds stay below 2^31.
    bytes.writeUInt32BE(seeds.shift()! * 2)
    return bytes
  }
}

test('a seed whose runs would repeat those of an earlier confirmation is not taken', async () => {
  await store(PARENT, {}, 4)
  const earlier = { seed: 77, replicates: { seeds: 3 }, confirms: { sweep: PARENT, trials: [1, 2] } }
  await store(SweepId.parse('zzzzzzzzz2'), earlier, 6)
  expect(await freshSeed(fixture.database, PARENT, 5, bytesOf(77, 78))).toBe(78)
  // Of another sweep it is as good as any.
  const other = SweepId.parse('zzzzzzzzz3')
  await store(other, {}, 4)
  expect(await freshSeed(fixture.database, other, 5, bytesOf(77, 78))).toBe(77)
})

test('of a sweep with replicates the seeds of these are used up', async () => {
  const id = SweepId.parse('zzzzzzzzz4')
  await store(id, { seed: 9, replicates: { seeds: 2 } }, 4)
  expect(await freshSeed(fixture.database, id, 3, bytesOf(9, 10))).toBe(10)
})

test('seeds are the same for every config of a sweep with replicates, and differ between trials otherwise', () => {
  const replicated = { seed: 3, replicates: { seeds: 2 } }
  expect(trialSeed(replicated, 1, 1)).toBe(trialSeed(replicated, 8, 1))
  expect(trialSeed(replicated, 1, 0)).not.toBe(trialSeed(replicated, 1, 1))
  expect(trialSeed({ seed: 3 }, 1, 0)).not.toBe(trialSeed({ seed: 3 }, 2, 0))
  // What sweeps of the release before were given, so that their trials can be run again.
  expect(trialSeed({ seed: 7 }, 1, 0)).toBe(TRIAL_1_OF_SEED_7)
  for (let n = 0; n < 100; n += 1) expect(trialSeed(replicated, n, n)).toBeLessThan(2 ** 31)
})

/** SHA-256 of "trial 7 1", its first four bytes without the lowest bit. */
const TRIAL_1_OF_SEED_7 = 421416036
