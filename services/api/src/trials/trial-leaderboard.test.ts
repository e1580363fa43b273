import { type Client, createClient } from '@sweep/client/client'
import type { AttemptId, SweepId } from '@sweep/spec/ids'
import { Leaderboard, SweepDetail, TrialDetail } from '@sweep/spec/wire/api'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOM, registerTestAgent, type TestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'

const YAML = `
name: two
method: random
metric: [{name: loss}, {name: acc, goal: maximize}]
constraints: [{name: memory, max: 8}]
parameters: {lr: {min: 0.0, max: 1.0}}
command: [python3, train.py]
`

let api: TestApi
let client: Client
let controller: TestController
let agent: TestAgent
beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: api.api.url, token: api.tokens.admin })
  controller = new TestController(api)
  agent = await registerTestAgent(api)
})
afterAll(() => api.close())

type Values = Record<string, number | string>
const running = new Map<string, { epoch: number; bytes: number }>()

async function create(source = YAML): Promise<SweepId> {
  return (await client.createSweep({ source, workdir: '/tmp' })).sweep.id
}

/** Issues a trial for each of the values and starts them. */
async function start(sweepId: SweepId, count: number): Promise<AttemptId[]> {
  const attempts = await controller.issue(sweepId, count)
  const claimed = await api.call('POST', `/agents/${agent.id}/claim`, {
    token: agent.token,
    body: { room: { ...ROOM, slots: count }, max: count, waitMs: 10_000 },
  })
  const { assignments } = claimed.body as { assignments: { attemptId: string; epoch: number }[] }
  for (const { attemptId, epoch } of assignments) running.set(attemptId, { epoch, bytes: 0 })
  expect(assignments).toHaveLength(count)
  return attempts
}

async function log(attemptId: AttemptId, values: Values, hasEnded = true): Promise<void> {
  const known = running.get(attemptId)
  if (known === undefined) throw new Error(`${attemptId} does not run`)
  const points = [{ step: 1, at: 1, values }]
  const batches = [{ source: 'metrics', from: known.bytes, to: known.bytes + 10, points }]
  known.bytes += 10
  const ended = { at: 1, cause: 'succeeded', message: 'ok', exitCode: 0, signal: null, seconds: 2 }
  const body = { attempts: [{ attemptId, epoch: known.epoch, batches, ...(hasEnded ? { ended } : {}) }] }
  expect((await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body })).status).toBe(200)
}

async function finished(sweepId: SweepId, trials: readonly Values[]): Promise<void> {
  const attempts = await start(sweepId, trials.length)
  for (const [i, attemptId] of attempts.entries()) await log(attemptId, trials[i] ?? {})
}

const TRIALS: Values[] = [
  { loss: 0.4, acc: 0.8, memory: 8 },
  { loss: 0.3, acc: 0.5, memory: 1 },
  { loss: 0.5, acc: 0.6, memory: 1 },
  { loss: 0.1, acc: 0.9, memory: 9 },
]

test('rows carry values, whether they are feasible, and whether they are on the front; pages make the whole', async () => {
  const id = await create()
  await finished(id, TRIALS)
  const [open] = await start(id, 1)
  if (open === undefined) throw new Error('nothing was issued')
  await log(open, { loss: 0.01, acc: 'NaN', memory: 1 }, false)
  const board = Leaderboard.parse(await client.leaderboard(id))
  expect(board.rows.map(({ number, rank, front, feasible }) => [number, rank, front, feasible])).toEqual([
    [2, 1, true, true],
    [1, 2, true, true],
    [3, 3, false, true],
    [5, 4, false, true],
    [4, 5, false, false],
  ])
  expect(board.rows[0]?.values).toEqual({ loss: 0.3, acc: 0.5, memory: 1 })
  expect(board.rows[3]?.values).toEqual({ loss: 0.01, memory: 1 })
  for (const limit of [1, 2, 3, 4, 5]) {
    const rows: (readonly [number, number | null])[] = []
    let after: string | undefined
    do {
      const page = await client.leaderboard(id, { limit, after })
      rows.push(...page.rows.map((row) => [row.number, row.rank] as const))
      after = page.next ?? undefined
    } while (after !== undefined)
    expect(rows, `pages of ${limit}`).toEqual(board.rows.map((row) => [row.number, row.rank]))
  }
  // The order that is kept is that of the newest facts, and a filter leaves the front what it is.
  await log(open, { loss: 0.2, acc: 0.85 })
  const completed = await client.leaderboard(id, { states: ['completed'] })
  expect(completed.rows.map(({ number, front }) => [number, front])).toEqual([
    [5, true],
    [2, false],
    [1, false],
    [3, false],
    [4, false],
  ])
  expect((await client.leaderboard(id, { states: ['failed'] })).rows).toEqual([])
  await expect(client.leaderboard(id, { after: 'xyz' })).rejects.toMatchObject({ code: 'invalid-request' })
})

test('a sweep and its trials say what they are judged by', async () => {
  const id = await create()
  await finished(id, TRIALS.slice(0, 1))
  const sweep = SweepDetail.parse(await client.getSweep(id))
  expect(sweep).toMatchObject({
    metric: { name: 'loss', goal: 'minimize' },
    objectives: [
      { name: 'loss', goal: 'minimize' },
      { name: 'acc', goal: 'maximize' },
    ],
    constraints: [{ name: 'memory', max: 8 }],
    best: { trial: 1, value: 0.4 },
  })
  const trial = TrialDetail.parse(await client.getTrial(id, 1))
  expect(trial).toMatchObject({ value: 0.4, values: { loss: 0.4, acc: 0.8, memory: 8 }, feasible: true })
})

test('with one objective and constraints feasible trials come first, and the best is one of them', async () => {
  const id = await create(YAML.replace(/metric: .*/, 'metric: {name: loss}'))
  await finished(
    id,
    TRIALS.map(({ loss, memory }) => ({ loss: loss ?? 0, memory: memory ?? 0 })),
  )
  const { rows } = await client.leaderboard(id)
  expect(rows.map(({ number, rank, feasible, front }) => [number, rank, feasible, front])).toEqual([
    [2, 1, true, undefined],
    [1, 2, true, undefined],
    [3, 3, true, undefined],
    [4, 4, false, undefined],
  ])
  expect((await client.getSweep(id)).best).toMatchObject({ trial: 2 })
})

test('a sweep starts from an earlier one that had all its objectives', async () => {
  const earlier = await create()
  await finished(earlier, TRIALS.slice(0, 2))
  const warm = `\nwarm_start: {sweeps: [${earlier}]}\n`
  const resultsOf = async (source: string) =>
    (await client.getSweep(await create(source + warm))).document.warmStart?.results.map(({ value, values }) => [
      value,
      values,
    ])
  const both = await resultsOf(YAML)
  expect(both).toEqual([
    [0.3, { loss: 0.3, acc: 0.5, memory: 1 }],
    [0.4, { loss: 0.4, acc: 0.8, memory: 8 }],
  ])
  const second = YAML.replace(/metric: .*/, 'metric: {name: acc, goal: maximize}').replace(/constraints: .*/, '')
  expect(await resultsOf(second)).toEqual([
    [0.5, undefined],
    [0.8, undefined],
  ])
  await expect(create(YAML.replace('goal: maximize', 'goal: minimize') + warm)).rejects.toMatchObject({
    code: 'invalid-document',
    message: `warm_start: sweep ${earlier} has goal minimize loss, maximize acc, this one minimize loss, minimize acc.`,
  })
})
