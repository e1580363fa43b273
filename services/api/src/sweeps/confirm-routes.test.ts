import { type Client, createClient } from '@sweep/client/client'
import type { SweepId } from '@sweep/spec/ids'
import { ConfigBoard, Confirmation } from '@sweep/spec/wire/confirmation'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROOM, registerTestAgent, type TestAgent, type TestApi, TestController, testApi } from '../testing/test-api.ts'
import { trialSeed } from '../trials/trial-seed.ts'

const YAML = `
name: two
method: random
metric: [{name: val/loss}, {name: acc, goal: maximize}]
constraints: [{name: memory, max: 8}]
parameters: {lr: {min: 0.0, max: 1.0}, optimizer: {values: [sgd, adam]}}
command: [python3, train.py]
early_terminate: {type: asha}
budget: {trials: 500}
`

interface Claimed {
  readonly attemptId: string
  readonly epoch: number
  readonly trial: number
  readonly sweepId: string
  readonly seed: number
  readonly config: { readonly lr: number }
}

let api: TestApi
let client: Client
let sweepId: SweepId
let agent: TestAgent

async function claim(count: number): Promise<Claimed[]> {
  const claimed = await api.call('POST', `/agents/${agent.id}/claim`, {
    token: agent.token,
    body: { room: { ...ROOM, slots: count }, max: count, waitMs: 10_000 },
  })
  return (claimed.body as { assignments: Claimed[] }).assignments
}

async function report(claimed: readonly Claimed[], valuesOf: (one: Claimed) => Record<string, number> | undefined) {
  const attempts = claimed.map((one) => {
    const values = valuesOf(one)
    const batches =
      values === undefined ? [] : [{ source: 'metrics', from: 0, to: 10, points: [{ step: 1, at: 1, values }] }]
    const cause = values === undefined ? 'user-error' : 'succeeded'
    const ended = { at: 1, cause, message: 'ok', exitCode: 0, signal: null, seconds: 2 }
    return { attemptId: one.attemptId, epoch: one.epoch, batches, ended }
  })
  const reply = await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body: { attempts } })
  expect(reply.status).toBe(200)
}

beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: api.api.url, token: api.tokens.admin })
  agent = await registerTestAgent(api)
  sweepId = (await client.createSweep({ source: YAML, workdir: '/tmp' })).sweep.id
  await new TestController(api).issue(sweepId, 6)
  // The sixth breaks the constraint, the fifth fails.
  await report(await claim(6), ({ trial }) =>
    trial === 5 ? undefined : { 'val/loss': 1 - trial / 10, acc: trial / 10, memory: trial === 6 ? 9 : 1 },
  )
})
afterAll(() => api.close())

test('the sweep that runs them again searches and stops nothing, and has its own budget and seeds', async () => {
  const { sweep } = await client.confirmSweep(sweepId, { top: 2, seeds: 5 })
  const { document, source, trials } = await client.getSweep(sweep.id)
  expect(document).toMatchObject({
    ...{ confirms: { sweep: sweepId, trials: [4, 3] }, replicates: { seeds: 5 }, budget: { trials: 10 } },
    metric: { name: 'val/loss', goal: 'minimize', summary: 'last' },
  })
  for (const part of ['earlyTerminate', 'objectives', 'constraints', 'warmStart'])
    expect(document).not.toHaveProperty(part)
  expect(source).toContain(`# Runs the configs of trials 4, 3 of sweep ${sweepId} again`)
  expect(trials.queued).toBe(10)
  const used = new Set<number>()
  const parent = (await client.getSweep(sweepId)).document
  for (let n = 1; n <= 6; n += 1) used.add(trialSeed(parent, n, 0))
  const facts = (await client.listFacts(sweep.id)).facts.map(
    ({ body }) => body as { kind: string; config?: { lr: number } },
  )
  // Seed by seed, so that what has run so far is as good for one config as for another.
  const order = facts.flatMap(({ kind, config }) => (kind === 'trial-created' ? [config?.lr] : []))
  expect(order.slice(0, 4)).toEqual([order[0], order[1], order[0], order[1]])
  expect(order[0]).not.toBe(order[1])
  expect(Array.from({ length: 5 }, (_, r) => trialSeed(document, 1, r)).some((seed) => used.has(seed))).toBe(false)
  await client.controlSweep(sweep.id, 'cancel')
})

test('neither trials that break a constraint nor those that failed are among the best, however many are asked for', async () => {
  const { sweep } = await client.confirmSweep(sweepId, { top: 50, seeds: 1 })
  expect((await client.getSweep(sweep.id)).document.confirms?.trials).toEqual([4, 3, 2, 1])
})

test('what has run so far is told while the rest is still to come, seed by seed', async () => {
  const { sweep } = await client.confirmSweep(sweepId, { top: 2, seeds: 3, metric: 'acc' })
  const before = Confirmation.parse(await client.confirmation(sweep.id))
  expect(before).toMatchObject({ verdict: 'unclear', metric: { name: 'acc', goal: 'maximize' }, state: 'running' })
  expect(before.configs.map(({ trial, recorded, values }) => [trial, recorded, values])).toEqual([
    [4, 0.4, [null, null, null]],
    [3, 0.3, [null, null, null]],
  ])
  await expect(client.confirmation(sweepId)).rejects.toMatchObject({
    code: 'not-found',
    hint: expect.stringContaining('sweep confirm'),
  })
})

test.each([
  [{ metric: 'test/loss' }, { name: 'test/loss', goal: 'minimize', summary: 'last' }],
  [{ metric: 'acc' }, { name: 'acc', goal: 'maximize', summary: 'last' }],
  [
    { metric: 'speed', goal: 'maximize' },
    { name: 'speed', goal: 'maximize', summary: 'last' },
  ],
] as const)('judged by %j', async (body, metric) => {
  const { sweep } = await client.confirmSweep(sweepId, { top: 1, seeds: 5, ...body })
  expect((await client.getSweep(sweep.id)).document.metric).toEqual(metric)
})

test.each([
  [{ metric: 'speed' }, 'whether speed is to be small or large is not known'],
  [{ metric: 'loss' }, 'whether loss is to be small or large is not known'],
  [{ metric: 'acc', goal: 'minimize' }, "maximizes acc, so it can't be"],
  [{ top: 0 }, 'top'],
  [{ seeds: 1000 }, 'seeds'],
  [{ metric: '' }, 'metric'],
] as const)('refused: %j', async (body, text) => {
  await expect(client.confirmSweep(sweepId, body as object)).rejects.toMatchObject({
    ...{ code: 'invalid-request', message: expect.stringContaining(text) },
  })
})

test('a confirmation is not confirmed, nor a population, nor a sweep without a metric or a result', async () => {
  const { sweep } = await client.confirmSweep(sweepId, { top: 1 })
  await expect(client.confirmSweep(sweep.id)).rejects.toMatchObject({
    code: 'conflict',
    hint: expect.stringContaining(sweepId),
  })
  const create = async (source: string) => (await client.createSweep({ source, workdir: '/tmp' })).sweep.id
  const plain = 'parameters: {x: {min: 0.0, max: 1.0}}\ncommand: [a]\n'
  const aimless = await create(`method: random\n${plain}`)
  await expect(client.confirmSweep(aimless)).rejects.toMatchObject({ code: 'invalid-request' })
  await expect(client.configs(aimless)).rejects.toMatchObject({ code: 'invalid-request' })
  const population = await create(`method: pbt\nmetric: {name: loss}\n${plain}`)
  await expect(client.confirmSweep(population)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('pbt'),
  })
  const young = await create(`method: random\nmetric: {name: loss}\n${plain}`)
  await expect(client.confirmSweep(young)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('nothing to confirm'),
  })
  const viewer = await api.call('POST', `/sweeps/${sweepId}/confirm`, { token: api.tokens.viewer, body: {} })
  expect(viewer.status).toBe(403)
})

test('many at once are sweeps of their own, none with a seed of another', async () => {
  const made = await Promise.all(Array.from({ length: 8 }, () => client.confirmSweep(sweepId, { top: 2, seeds: 10 })))
  const documents = await Promise.all(made.map(async ({ sweep }) => (await client.getSweep(sweep.id)).document))
  const seeds = documents.flatMap((document) => Array.from({ length: 10 }, (_, r) => trialSeed(document, 1, r)))
  expect(new Set(seeds).size).toBe(80)
})

test('configs stand by the mean of the runs that came to their end, those that break a constraint behind the others', async () => {
  const board = ConfigBoard.parse(await client.configs(sweepId))
  expect(board).toMatchObject({ metric: { name: 'val/loss', goal: 'minimize' }, seeds: 1 })
  expect(board.rows.map(({ rank, trials, mean }) => [rank, trials, mean])).toEqual([
    [1, [4], 0.6],
    [2, [3], 0.7],
    [3, [2], 0.8],
    [4, [1], 0.9],
    [5, [6], 0.4],
    [null, [5], null],
  ])
})
