import { request } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SWEEP_YAML, type TestApi, testApi } from '../testing/test-api.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi({ allowedHosts: ['sweep.example'], requestTimeoutMs: 1000 })
})
afterAll(() => api.close())

const body = { source: SWEEP_YAML, workdir: '/tmp' }

describe('host names', () => {
  test.each(['localhost', 'localhost:4600', '127.0.0.1:1', '[::1]:4600', 'LOCALHOST', 'sweep.example:443'])(
    'answers to %s',
    async (host) => {
      expect((await api.call('GET', '/health', { headers: { host } })).status).toBe(200)
    },
  )

  test.each(['evil.com', 'localhost.evil.com', '127.0.0.1.evil.com', 'evil.com:4600', 'localhost@evil.com'])(
    'refuses %j for reads, writes and the page alike',
    async (host) => {
      for (const [method, path] of [
        ['GET', '/health'],
        ['GET', '/'],
        ['DELETE', '/tokens/1'],
        ['OPTIONS', '/sweeps'],
      ] as const) {
        const reply = await api.call(method, path, { headers: { host }, token: api.tokens.admin })
        expect([reply.status, (reply.body as { code: string }).code]).toEqual([421, 'misdirected'])
      }
    },
  )
})

describe('browsers on other pages', () => {
  test.each(['http://evil.com', 'null', 'http://localhost:1', 'https://localhost.evil.com'])(
    'may not write from %s, whatever the method',
    async (origin) => {
      for (const method of ['POST', 'PATCH', 'DELETE', 'OPTIONS', 'PUT'] as const) {
        const reply = await api.call(method, '/sweeps', {
          token: api.tokens.admin,
          headers: { host: 'localhost:4600', origin },
        })
        expect(reply.status).toBe(403)
        expect(reply.headers['access-control-allow-origin']).toBeUndefined()
      }
    },
  )

  test('may not write when the browser says that the page is of another site', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' }
    expect((await api.call('POST', '/sweeps', { token: api.tokens.admin, body, headers })).status).toBe(403)
  })

  test('may write from this very server', async () => {
    const headers = { host: 'localhost:4600', origin: 'http://localhost:4600', 'sec-fetch-site': 'same-origin' }
    expect((await api.call('POST', '/sweeps', { token: api.tokens.admin, body, headers })).status).toBe(201)
  })
})

describe('bodies', () => {
  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json\ta',
    'application/jsonp',
    'application/json; charset=utf-16',
    'application/vnd.api+json',
  ])('of type %j are refused', async (type) => {
    const reply = await api.call('POST', '/sweeps', {
      token: api.tokens.admin,
      body: JSON.stringify(body),
      headers: { 'content-type': type },
    })
    expect([reply.status, (reply.body as { code: string }).code]).toEqual([415, 'unsupported-media-type'])
  })

  test('without a type are refused', async () => {
    const status = await send({ 'content-length': '2', authorization: `Bearer ${api.tokens.admin}` }, '{}')
    expect(status).toBe(415)
  })

  test('that are compressed are refused, so that none can burst', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect((await api.call('POST', '/sweeps', { token: api.tokens.admin, body: '{}', headers })).status).toBe(415)
  })

  test('over 1 MiB are cut off with 413', async () => {
    const big = { ...body, file: 'x'.repeat(1_100_000) }
    const reply = await api.call('POST', '/sweeps', { token: api.tokens.admin, body: big })
    expect([reply.status, (reply.body as { code: string }).code]).toEqual([413, 'too-large'])
  })

  test('with a sweep file over 256 KiB are answered 413', async () => {
    for (const source of [`# ${'x'.repeat(262_144)}`, `# ${'ü'.repeat(140_000)}`]) {
      const reply = await api.call('POST', '/sweeps', { token: api.tokens.admin, body: { ...body, source } })
      expect([reply.status, (reply.body as { code: string }).code]).toEqual([413, 'too-large'])
    }
  })

  test.each([
    '{"__proto__": {"admin": true}}',
    '{"overrides": {"__proto__": {"x": 1}}, "source": "a", "workdir": "/"}',
    '{"constructor": {"prototype": {"x": 1}}}',
    '{"source": ',
    '[]',
    'null',
    '"text"',
    '{"source": "a", "workdir": "/", "surprise": 1}',
  ])('that are %s are answered 400 and leave prototypes alone', async (text) => {
    const reply = await api.call('POST', '/sweeps', {
      token: api.tokens.admin,
      body: text,
      headers: { 'content-type': 'application/json' },
    })
    expect(reply.status).toBe(400)
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined()
  })
})

describe('replies', () => {
  test('carry the security headers, on errors and pages too', async () => {
    for (const path of ['/health', '/nothing', '/', '/static/page.js']) {
      const { headers } = await api.call('GET', path)
      expect(headers['content-security-policy']).toMatch(/^default-src 'self'/)
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['x-frame-options']).toBe('DENY')
    }
  })

  test('name the request, and hold neither stacks nor paths of the server', async () => {
    const reply = await api.call('GET', '/sweeps/..%2f..%2fetc%2fpasswd', { token: api.tokens.viewer })
    expect(reply.status).toBe(400)
    const error = reply.body as { requestId: string }
    expect(error.requestId).toBe(reply.headers['x-request-id'])
    expect(reply.text).not.toMatch(/node_modules|\.ts:|at .*\(/)
  })

  test.each(['/sweeps/%', '/%c0%af', '/sweeps/0123456789/../../etc/passwd', '/sweeps/file:%2f%2fetc'])(
    'to the odd path %s are 400 or 404',
    async (path) => {
      const { status } = await api.call('GET', path, { token: api.tokens.viewer })
      expect([400, 404]).toContain(status)
    },
  )
})

test('a client that never finishes its header is cut off', async () => {
  const socket = connect(Number(new URL(api.api.url).port), '127.0.0.1')
  socket.write('POST /api/v1/sweeps HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
  const closed = new Promise<string>((resolve) => {
    let text = ''
    socket.on('data', (data) => (text += data))
    socket.on('close', () => resolve(text))
    socket.on('error', () => resolve(text))
  })
  expect(await closed).toMatch(/^HTTP\/1\.1 408/)
})

function send(headers: Record<string, string>, text: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(`${api.api.url}/api/v1/sweeps`, { method: 'POST', headers }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end(text)
  })
}
