import { createClient } from '@sweep/client/client'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createTestSweep, type TestApi, testApi } from '../testing/test-api.ts'
import { type Receiver, startReceiver } from './testing/receiver.ts'

let api: TestApi
let strict: TestApi
let receiver: Receiver
beforeAll(async () => {
  ;[api, strict] = await Promise.all([testApi({ privateWebhooks: true }), testApi()])
})
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(() => receiver.close())
afterAll(() => Promise.all([api.close(), strict.close()]))

const webhooks = () => createClient({ url: api.api.url, token: api.tokens.operator }).webhooks

test('a webhook is made, tried out, changed and removed, and its secret is shown once', async () => {
  const { webhook, secret } = await webhooks().add({ url: `${receiver.url}/secret/path`, name: 'n "q" 😀' })
  expect(secret).toMatch(/^swh_.{40}/)
  const shown = await api.call('GET', '/webhooks', { token: api.tokens.admin })
  expect(shown.text).not.toContain(secret)
  expect(shown.text).not.toContain('/secret/path')
  expect(await webhooks().get(webhook.id)).toMatchObject({
    name: 'n "q" 😀',
    host: new URL(receiver.url).origin,
    kinds: null,
  })
  expect(await webhooks().test(webhook.id)).toEqual({ delivered: true, status: 200, error: null })
  expect(receiver.received[0]?.body).toMatchObject({ kind: 'test', id: 0 })
  receiver.answer = () => 503
  expect(await webhooks().test(webhook.id)).toMatchObject({ delivered: false, status: 503 })
  expect(await webhooks().change(webhook.id, { kinds: ['sweep.ended'], name: 'other' })).toMatchObject({
    name: 'other',
    kinds: ['sweep.ended'],
  })
  expect(await webhooks().change(webhook.id, { kinds: null })).toMatchObject({ kinds: null, name: 'other' })
  await webhooks().remove(webhook.id)
  await expect(webhooks().get(webhook.id)).rejects.toMatchObject({ code: 'not-found' })
  await expect(webhooks().remove(webhook.id)).rejects.toMatchObject({ code: 'not-found' })
})

test('what happens arrives by itself, and what could not be delivered can be sent once more', async () => {
  const { webhook } = await webhooks().add({ url: receiver.url, kinds: ['sweep.created'] })
  await createTestSweep(api)
  await vi.waitFor(() => expect(receiver.received.map(({ body }) => body['kind'])).toEqual(['sweep.created']), 20_000)
  const body = JSON.stringify({ ...receiver.received[0]?.body, id: undefined })
  await api.database.query(
    `insert into webhook_dead_letters (webhook_id, seq, kind, body, error, tries) values ($1, 41, 'sweep.created', $2, 'no', 8)`,
    [webhook.id, body],
  )
  expect((await webhooks().deadLetters(webhook.id)).deadLetters).toMatchObject([{ seq: 41, error: 'no', tries: 8 }])
  receiver.answer = () => 500
  expect(await webhooks().redeliver(webhook.id, 41)).toMatchObject({ delivered: false })
  receiver.answer = () => 200
  expect(await webhooks().redeliver(webhook.id, 41)).toMatchObject({ delivered: true })
  expect(receiver.received.at(-1)?.body).toMatchObject({ id: 41, kind: 'sweep.created' })
  expect((await webhooks().deadLetters(webhook.id)).deadLetters).toEqual([])
  await expect(webhooks().redeliver(webhook.id, 41)).rejects.toMatchObject({ code: 'not-found' })
})

test.each([
  'http://127.0.0.1:1/',
  'http://localhost/',
  'http://169.254.169.254/latest/meta-data',
  'http://[::ffff:10.0.0.1]/',
  'http://0x7f000001/',
])('%s is refused where private addresses are not allowed', async (url) => {
  const reply = await strict.call('POST', '/webhooks', { token: strict.tokens.admin, body: { url } })
  expect(reply.status).toBe(403)
  expect(reply.body).toMatchObject({ code: 'forbidden', hint: expect.stringContaining('SWEEP_WEBHOOKS_PRIVATE') })
  const { webhooks: all } = createClient({ url: strict.api.url, token: strict.tokens.admin })
  expect((await all.list()).webhooks).toEqual([])
})

test.each([
  [{ url: 'ftp://host/' }],
  [{ url: 'nonsense' }],
  [{ url: 'https://host/', kinds: ['sweep.exploded'] }],
  [{ url: 'https://host/', kinds: [] }],
  [{ url: 'https://host/', secret: 'short' }],
  [{ url: 'https://host/', thresholds: [{ metric: 'loss' }] }],
  [{ url: `https://host/${'x'.repeat(10_000)}` }],
  [{}],
])('%j is refused', async (body) => {
  expect((await api.call('POST', '/webhooks', { token: api.tokens.admin, body })).status).toBe(400)
})

test('operators and admins have webhooks; viewers do not even see them', async () => {
  expect((await api.call('GET', '/webhooks', { token: api.tokens.viewer })).status).toBe(403)
  expect((await api.call('GET', '/webhooks')).status).toBe(401)
  const body = { url: receiver.url, sweepId: '0000000zzz' }
  expect((await api.call('POST', '/webhooks', { token: api.tokens.operator, body })).status).toBe(404)
  expect((await api.call('POST', '/webhooks', { token: api.tokens.viewer, body })).status).toBe(403)
})
