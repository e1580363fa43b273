import { AgentId } from '@sweep/spec/ids'
import { sampleAgent } from '@sweep/store/testing/samples'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../../../../test/support/postgres.ts'
import { HeartbeatLine } from './heartbeat-line.ts'

const room = { slots: 1, gpuSlots: 0, cpus: 1, memoryBytes: 1e9 }
const beat = { room, draining: false, attempts: [] }
const renewal = { leaseMs: 60_000, sureMs: 60_000 }

let fixture: TestDatabase
beforeAll(async () => {
  fixture = await testDatabase()
})
afterAll(() => fixture.drop())

test('what comes while heartbeats are stored is stored together, and only who is unknown hears so', async () => {
  const { database } = fixture
  let transactions = 0
  const counted = {
    ...database,
    tx: (work: Parameters<typeof database.tx>[0]) => {
      transactions += 1
      return database.tx(work)
    },
  } as typeof database
  const line = new HeartbeatLine(counted, renewal)
  const agents = [await sampleAgent(database), await sampleAgent(database), await sampleAgent(database)]
  const [first, second, third] = agents
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
  const stranger = AgentId.parse('zzzzzzzzzz')
  const answers = await Promise.allSettled([first, second, stranger, third, third].map((id) => line.take(id, beat)))
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(answers[2]).toMatchObject({ reason: { code: 'not-found' } })
  // The first, those that waited for it, and the second of an agent that was among them.
  expect(transactions).toBe(3)
})

test('a heartbeat that can not be stored is the fault of one, and the others are answered', async () => {
  const { database } = fixture
  const line = new HeartbeatLine(database, renewal)
  const [good, bad] = [await sampleAgent(database), await sampleAgent(database)]
  const poison = { ...beat, attempts: [{ attemptId: 'x' as never, epoch: 2 ** 40 }] }
  const answers = await Promise.allSettled([line.take(good, beat), line.take(bad, poison), line.take(good, beat)])
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})
