import { type Client, createClient } from '@sweep/client/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type TestApi, testApi } from '../testing/test-api.ts'
import { type Receiver, startReceiver } from '../webhooks/testing/receiver.ts'

let api: TestApi
let client: Client
let receiver: Receiver
beforeAll(async () => {
  api = await testApi({ privateWebhooks: true })
  client = createClient({ url: api.api.url, token: api.tokens.operator })
  receiver = await startReceiver()
})
afterAll(() => Promise.all([api.close(), receiver.close()]))

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

async function register(acc: number): Promise<string> {
  const { id } = await client.tracking.createRun({ project: 'vision' })
  await client.tracking.logMetrics(id, { points: [{ step: 1, values: { acc } }] })
  await client.tracking.uploadArtifact(id, 'models/net/w', bytes(id), { type: 'model' })
  await client.models.register(id, { name: 'digits' as never })
  return id
}

test('webhooks are told what is registered, promoted, refused and rolled back, each once and in order', async () => {
  await client.webhooks.add({
    url: receiver.url,
    kinds: ['model.registered', 'model.promoted', 'model.promotion_refused', 'model.rolled_back'],
  })
  const [first, second] = [await register(0.9), await register(0.5)]
  await client.models.move('digits', '1', { stage: 'production' })
  await client.models.addGate('digits', { stage: 'production', gate: { kind: 'metric', metric: 'acc', min: 0.8 } })
  await expect(client.models.move('digits', '2', { stage: 'production' })).rejects.toMatchObject({
    code: 'gates-failed',
  })
  // Nobody's business.
  await client.models.move('digits', '2', { stage: 'production', dryRun: true })
  await client.models.move('digits', '2', { stage: 'archived' })
  await client.models.move('digits', '2', { stage: 'production', force: true, reason: 'hotfix' })
  await client.models.rollBack('digits', { reason: 'worse' })
  await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThanOrEqual(6), 20_000)
  const told = receiver.received.map(({ body }) => [body['kind'], body['run'], body['text']])
  expect(told).toEqual([
    ['model.registered', first, 'version 1 of model digits was registered by user:operator'],
    ['model.registered', second, 'version 2 of model digits was registered by user:operator'],
    ['model.promoted', first, 'version 1 of model digits was promoted to production by user:operator'],
    [
      ...['model.promotion_refused', second],
      'version 2 of model digits was not promoted to production for user:operator: acc is 0.5, and must be >= 0.8',
    ],
    [
      ...['model.promoted', second],
      'version 2 of model digits was promoted to production by user:operator, though acc is 0.5, and must be >= 0.8 (hotfix)',
    ],
    [
      'model.rolled_back',
      first,
      'version 1 of model digits is in production again, rolled back to by user:operator (worse)',
    ],
  ])
  expect(receiver.received[3]?.body).toMatchObject({
    ...{ project: 'vision', sweep: null, trial: null, experiment: expect.any(String) },
    data: {
      ...{ model: 'digits', version: 2, from: 'dev', to: 'production', by: 'user:operator', forced: 'no', reason: '' },
      failed: 'acc is 0.5, and must be >= 0.8',
    },
  })
})
