import { type Client, createClient } from '@sweep/client/client'
import type { SweepId } from '@sweep/spec/ids'
import { ImportanceReply } from '@sweep/spec/wire/importance'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimAndReport, type TestApi, TestController, testApi } from '../testing/test-api.ts'

const YAML = `
name: two
method: random
metric: [{name: loss}, {name: acc, goal: maximize}]
parameters: {lr: {min: 0.0, max: 1.0}, opt: {values: [adam, sgd]}, epochs: {value: 3}}
command: [python3, train.py]
`
const TRIALS = 8

let api: TestApi
let client: Client
let sweepId: SweepId
beforeAll(async () => {
  api = await testApi()
  client = createClient({ url: api.api.url, token: api.tokens.admin })
  sweepId = (await client.createSweep({ source: YAML, workdir: '/tmp' })).sweep.id
  await new TestController(api).issue(sweepId, TRIALS)
  await claimAndReport(api, TRIALS, ({ trial }) => {
    const values = { loss: trial / 10, acc: trial === TRIALS ? 'NaN' : trial % 2 }
    const batches = [{ source: 'metrics', from: 0, to: 10, points: [{ step: 1, at: 1, values }] }]
    const ended = { at: 1, cause: 'succeeded', message: 'ok', exitCode: 0, signal: null, seconds: 2 }
    return { batches, ended }
  })
})
afterAll(() => api.close())

test('importance is of the first objective by fANOVA, with what speaks against it', async () => {
  const found = ImportanceReply.parse(await client.importance(sweepId))
  expect(found).toMatchObject({ metric: { name: 'loss', goal: 'minimize' }, method: 'fanova', level: 'full' })
  expect(found.parameters.map(({ name }) => name).sort()).toEqual(['epochs', 'lr', 'opt'])
  expect(found.doubts[0]).toMatch(/^Only \d trials can be compared/)
})

test('another objective has an answer of its own, from its own values', async () => {
  const [first, second] = await Promise.all([
    client.importance(sweepId, { method: 'pearson' }),
    client.importance(sweepId, { metric: 'acc', method: 'pearson' }),
  ])
  expect(second.metric).toEqual({ name: 'acc', goal: 'maximize' })
  // The last trial, without a finite value of one objective, counts for neither.
  expect([first.trials, first.leftOut.failed, second.trials]).toEqual([TRIALS - 1, 1, TRIALS - 1])
  const sizes = ({ parameters }: ImportanceReply) => parameters.map(({ importance }) => importance)
  expect(sizes(second)).not.toEqual(sizes(first))
})

test('what is no objective, no method or no sweep is refused', async () => {
  await expect(client.importance(sweepId, { metric: 'speed' })).rejects.toMatchObject({
    code: 'invalid-request',
    hint: 'Its objectives are loss, acc.',
  })
  await expect(client.importance('k3v9x0abcd')).rejects.toMatchObject({ code: 'not-found' })
  const reply = await api.call('GET', `/sweeps/${sweepId}/importance?method=magic`, { token: api.tokens.admin })
  expect(reply.status).toBe(400)
})
