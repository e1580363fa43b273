import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { sampleRun } from '../testing/sample-run.ts'
import { noteRequests } from './logged-requests.ts'

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

const newRunKey = async () => (await sampleRun(fixture.database)).key
const fingerprint = (n: number) => Buffer.alloc(16, n)
const note = (requests: readonly { runKey: number; fingerprint: Buffer }[]) =>
  fixture.database.tx(async (tx) => {
    const fresh = await noteRequests(tx, requests)
    return requests.map((request) => fresh.take(request))
  })

test('a request is new once, for each run by itself', async () => {
  const [a, b] = [await newRunKey(), await newRunKey()]
  const requests = [
    { runKey: a, fingerprint: fingerprint(1) },
    { runKey: a, fingerprint: fingerprint(1) },
    { runKey: b, fingerprint: fingerprint(1) },
  ]
  expect(await note(requests)).toEqual([true, false, true])
  expect(await note([...requests, { runKey: a, fingerprint: fingerprint(2) }])).toEqual([false, false, false, true])
  expect(await note([])).toEqual([])
})

test('of two transactions that bring the same request one has it, and the other when that fails', async () => {
  const runKey = await newRunKey()
  const request = { runKey, fingerprint: fingerprint(3) }
  const failing = fixture.database.tx(async (tx) => {
    expect((await noteRequests(tx, [request])).take(request)).toBe(true)
    throw new Error('the points could not be stored')
  })
  await expect(failing).rejects.toThrow('could not be stored')
  const all = await Promise.all(Array.from({ length: 8 }, () => note([request])))
  expect(all.flat().filter(Boolean)).toHaveLength(1)
})

test('requests are forgotten after an hour, by those that come then', async () => {
  const { database } = fixture
  const runKey = await newRunKey()
  await note(Array.from({ length: 30 }, (_, n) => ({ runKey, fingerprint: fingerprint(n + 100) })))
  await database.query(`update logged_requests set at = now() - interval '61 minutes' where run_key = $1`, [runKey])
  await note([{ runKey, fingerprint: fingerprint(1) }])
  await note([{ runKey, fingerprint: fingerprint(2) }])
  const { rows } = await database.query('select 1 from logged_requests where run_key = $1', [runKey])
  expect(rows).toHaveLength(2)
  expect(await note([{ runKey, fingerprint: fingerprint(100) }])).toEqual([true])
})
