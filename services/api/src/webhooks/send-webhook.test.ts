import { createHmac, timingSafeEqual } from 'node:crypto'
import type { EventBody } from '@sweep/spec/webhooks'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { checkedAddress, isPublicAddress, parseWebhookUrl } from './public-address.ts'
import { type SendOptions, sendWebhook, type Target } from './send-webhook.ts'
import { type Receiver, startReceiver } from './testing/receiver.ts'

const BODY: EventBody = {
  kind: 'sweep.ended',
  at: '2026-01-01T00:00:00.000Z',
  project: 'vision',
  experiment: null,
  sweep: null,
  trial: null,
  run: null,
  text: 'sweep <!channel> & 😀 is completed',
  data: {},
}
const OPTIONS: SendOptions = { allowPrivate: true, timeoutMs: 2000, now: 1_700_000_000_999 }

let receiver: Receiver
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(() => receiver.close())

const target = (changes: Partial<Target> = {}): Target => ({
  ...{ id: 'hook', url: receiver.url, secret: 'a secret of many letters', format: 'json' },
  ...changes,
})

describe('addresses', () => {
  test.each([
    ...[
      '127.0.0.1',
      '127.8.9.1',
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
      '0.0.0.0',
    ],
    ...['100.64.0.1', '198.18.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', 'fc00::1', 'fd00:ec2::254'],
    ...[
      '::ffff:10.0.0.1',
      '::ffff:127.0.0.1',
      '::ffff:a9fe:a9fe',
      '64:ff9b::a00:1',
      '2002:a00:1::',
      '::10.0.0.1',
      'ff02::1',
    ],
    ...['', 'localhost', '1.2.3', '1.2.3.4.5', 'fe80::1%eth0'],
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '172.15.255.255', '100.63.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )

  test.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://[::1]:80/',
    'http://[::ffff:a00:1]/',
  ])('%s is refused, however it is spelled', async (url) => {
    await expect(checkedAddress(new URL(url), { allowPrivate: false })).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('a name of which one address is private is refused, and so is one that is private as a whole', async () => {
    const both = async () => [
      { address: '93.184.216.34', family: 4 },
      { address: '10.0.0.7', family: 4 },
    ]
    const url = new URL('https://hook.example/')
    const refusal = { code: 'forbidden', message: expect.stringContaining('10.0.0.7') }
    await expect(checkedAddress(url, { allowPrivate: false, resolve: both })).rejects.toMatchObject(refusal)
    await expect(checkedAddress(new URL('http://localhost/'), { allowPrivate: false })).rejects.toMatchObject({
      code: 'forbidden',
    })
    const one = async () => [{ address: '93.184.216.34', family: 4 }]
    expect(await checkedAddress(url, { allowPrivate: false, resolve: one })).toEqual({
      address: '93.184.216.34',
      family: 4,
    })
  })

  test.each(['', 'nonsense', 'ftp://host/', 'file:///etc/passwd', 'javascript:1', 'http://user:pass@host/'])(
    '%s is no address of a webhook',
    (text) => {
      expect(() => parseWebhookUrl(text)).toThrow(expect.objectContaining({ code: 'invalid-request' }))
    },
  )
})

test('a private address is not connected to', async () => {
  const sent = await sendWebhook(target(), 1, BODY, { ...OPTIONS, allowPrivate: false })
  expect(sent).toMatchObject({ status: null, error: expect.stringContaining('no address on the public internet') })
  expect(receiver.received).toEqual([])
})

test('a name is looked up once, and the address that was checked is the one connected to', async () => {
  const port = new URL(receiver.url).port
  // The second answer would be another one, as of a name server that plays tricks.
  const resolve = vi
    .fn(async () => [{ address: '192.0.2.1', family: 4 }])
    .mockResolvedValueOnce([{ address: '127.0.0.1', family: 4 }])
  const url = `http://hook.example:${port}/hook`
  expect(await sendWebhook(target({ url }), 1, BODY, { ...OPTIONS, resolve })).toEqual({ status: 200, error: null })
  expect(resolve).toHaveBeenCalledTimes(1)
  expect(receiver.received[0]?.headers.host).toBe(`hook.example:${port}`)
})

test('the signature is that of the time and the very bytes, as the documentation checks it', async () => {
  await sendWebhook(target(), 17, BODY, OPTIONS)
  const [{ headers, text, body } = { headers: {}, text: '', body: {} }] = receiver.received
  const expected = createHmac('sha256', 'a secret of many letters')
    .update(`${headers['sweep-timestamp']}.${text}`)
    .digest()
  const given = Buffer.from(String(headers['sweep-signature']).replace('v1=', ''), 'hex')
  expect(timingSafeEqual(given, expected)).toBe(true)
  expect(headers).toMatchObject({
    'sweep-timestamp': '1700000000',
    'sweep-delivery': 'hook-17',
    'sweep-event': 'sweep.ended',
  })
  expect(body).toEqual({ id: 17, ...BODY })
})

test('Slack gets a text in which nothing is markup', async () => {
  await sendWebhook(target({ format: 'slack' }), 1, BODY, OPTIONS)
  expect(receiver.received[0]?.body).toEqual({
    text: '[sweep.ended] sweep &lt;!channel&gt; &amp; 😀 is completed (vision)',
  })
})

test.each([
  [500, 'the receiver answered 500'],
  [404, 'the receiver answered 404'],
])('an answer of %i is no delivery', async (status, error) => {
  receiver.answer = () => status
  expect(await sendWebhook(target(), 1, BODY, OPTIONS)).toEqual({ status, error })
})

test('a redirect is not followed', async () => {
  const other = await startReceiver()
  receiver.answer = () => ({ status: 307, location: other.url })
  expect(await sendWebhook(target(), 1, BODY, OPTIONS)).toMatchObject({
    status: 307,
    error: expect.stringContaining('redirects are not followed'),
  })
  expect(other.received).toEqual([])
  await other.close()
})

test('a receiver that hangs, or is not there, is given up', async () => {
  receiver.answer = () => 'hang'
  expect(await sendWebhook(target(), 1, BODY, { ...OPTIONS, timeoutMs: 150 })).toEqual({
    status: null,
    error: 'no answer within 0.15 s',
  })
  await receiver.close()
  expect(await sendWebhook(target(), 1, BODY, OPTIONS)).toMatchObject({
    error: expect.stringContaining('ECONNREFUSED'),
  })
})
