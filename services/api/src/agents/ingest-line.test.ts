import { SweepId } from '@sweep/spec/ids'
import type { AttemptReport } from '@sweep/spec/wire/agent-protocol'
import { ClaimReply } from '@sweep/spec/wire/agent-protocol'
import type { Database } from '@sweep/store/database'
import type { SweepPart } from '@sweep/store/reports'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createTestSweep,
  ROOM,
  registerTestAgent,
  type TestAgent,
  type TestApi,
  TestController,
  testApi,
} from '../testing/test-api.ts'
import { IngestLine } from './ingest-line.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api.close())

interface Running {
  readonly agent: TestAgent
  readonly attemptId: AttemptReport['attemptId']
  readonly epoch: number
}

/** Agents with one attempt each, all of one sweep. */
async function running(count: number, pool: string): Promise<{ sweepId: SweepId; all: Running[] }> {
  const source = `queue: ${pool}\nmetric: {name: loss}\nparameters: {lr: {min: 0.0, max: 1.0}}\ncommand: [train]`
  const sweepId = SweepId.parse(await createTestSweep(api, source))
  const controller = new TestController(api)
  const all: Running[] = []
  for (let index = 0; index < count; index += 1) {
    const agent = await registerTestAgent(api, { queues: [pool] })
    await controller.issue(sweepId, 1)
    const body = { room: ROOM, max: 1, waitMs: 20_000 }
    const reply = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })
    const [assignment] = ClaimReply.parse(reply.body).assignments
    if (assignment === undefined) throw new Error('nothing to claim')
    all.push({ agent, attemptId: assignment.attemptId, epoch: assignment.epoch })
  }
  return { sweepId, all }
}

function part({ agent, attemptId, epoch }: Running, step: number, from = 0): SweepPart {
  const points = [{ step, at: 1, values: { loss: step } }]
  const batches = [{ source: 'metrics' as const, from, to: from + 10, points }]
  return {
    agentId: agent.id,
    reports: [{ attemptId, epoch, batches, samples: [] }],
    claim: { leaseMs: 30_000, attemptIds: [] },
  }
}

async function stored(attemptId: string): Promise<unknown> {
  return (await api.database.query('select reports, last_step from attempts where id = $1', [attemptId])).rows[0]
}

/** Counts transactions. */
function counted(database: Database): { database: Database; transactions: () => number } {
  let transactions = 0
  const tx: Database['tx'] = (work) => {
    transactions += 1
    return database.tx(work)
  }
  return { database: { ...database, tx }, transactions: () => transactions }
}

test('what comes while a transaction is under way is taken together by the next', async () => {
  const { sweepId, all } = await running(5, 'together')
  const { database, transactions } = counted(api.database)
  const line = new IngestLine(database)
  const replies = await Promise.all(all.map((one) => line.take(sweepId, part(one, 1))))
  expect(transactions()).toBe(2)
  expect(replies.map(({ statuses }) => statuses[0])).toEqual(
    all.map(({ attemptId }) => expect.objectContaining({ attemptId, status: 'ok' })),
  )
  // The facts of each are told once.
  expect(replies.filter(({ changed }) => changed)).toHaveLength(2)
  for (const { attemptId } of all) expect(await stored(attemptId)).toEqual({ reports: 1, last_step: 1 })
})

test('one whose report can not be stored fails alone', async () => {
  const { sweepId, all } = await running(4, 'alone')
  const line = new IngestLine(api.database)
  const beyondInt8 = 2 ** 70
  const results = await Promise.allSettled(
    all.map((one, index) => line.take(sweepId, part(one, index === 2 ? beyondInt8 : 1))),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  const [, , bad] = all
  if (bad === undefined) throw new Error('there are four')
  expect((await line.take(sweepId, part(bad, 1))).statuses[0]?.status).toBe('ok')
})

test('two reports of one attempt are taken one after the other', async () => {
  const { sweepId, all } = await running(2, 'order')
  const [first, second] = all
  if (first === undefined || second === undefined) throw new Error('there are two')
  const line = new IngestLine(api.database)
  const replies = await Promise.all([
    line.take(sweepId, part(second, 1)),
    line.take(sweepId, part(first, 1)),
    line.take(sweepId, part(first, 2, 10)),
  ])
  expect(replies.map(({ statuses }) => statuses[0]?.status)).toEqual(['ok', 'ok', 'ok'])
  expect(await stored(first.attemptId)).toEqual({ reports: 2, last_step: 2 })
})

test('agents that speak in one transaction are not taken for each other', async () => {
  const { sweepId, all } = await running(3, 'swapped')
  const [first, second, third] = all
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
  const { database, transactions } = counted(api.database)
  const line = new IngestLine(database)
  const replies = await Promise.all([
    line.take(sweepId, part(third, 1)),
    line.take(sweepId, part({ ...first, agent: second.agent }, 7)),
    line.take(sweepId, part({ ...second, agent: first.agent }, 7)),
  ])
  expect(replies.map(({ statuses }) => statuses[0]?.status)).toEqual(['ok', 'fenced', 'fenced'])
  expect(transactions()).toBe(2)
  expect(await stored(first.attemptId)).toEqual({ reports: 0, last_step: null })
})
