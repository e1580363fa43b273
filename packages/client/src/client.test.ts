import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { SweepError } from '@sweep/spec/errors'
import { expect, test } from 'vitest'
import { createClient } from './client.ts'
import { readEvents } from './sse-reader.ts'

function answering(status: number, body: string, type = 'application/json') {
  return createClient({
    url: 'http://x',
    fetch: async () => new Response(body, { status, headers: { 'content-type': type } }),
  })
}

/** An address where nothing listens. */
async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

test('a server that is not there is unreachable, and says what to do', async () => {
  await expect(createClient({ url: await deadUrl() }).listSweeps()).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('connection refused'),
    hint: expect.stringContaining('sweep server start'),
    retryable: true,
  })
})

test('bytes that fail while they are sent fail with their own error, though a server is there', async () => {
  const server = createHttpServer((request) => void request.resume()).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  async function* bytes() {
    yield Buffer.from('a beginning')
    throw new SweepError('conflict', 'the file changed while it was read')
  }
  try {
    await expect(createClient({ url }).putObject('0'.repeat(64), bytes())).rejects.toMatchObject({ code: 'conflict' })
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test("an error keeps the server's code, hint and details", async () => {
  const body = { code: 'conflict', message: 'm', hint: 'h', details: [1], requestId: 'r' }
  await expect(answering(409, JSON.stringify(body)).getSweep('x')).rejects.toMatchObject({
    code: 'conflict',
    message: 'm',
    hint: 'h',
    details: [1],
    retryable: false,
  })
})

test('a code that only a newer server knows is internal', async () => {
  await expect(answering(418, '{"code":"teapot","message":"m"}').getSweep('x')).rejects.toMatchObject({
    code: 'internal',
  })
})

test.each([
  [502, '<html>'],
  [404, ''],
  [200, '<html>'],
  [200, ''],
])('an answer of %d %j is not from our server', async (status, body) => {
  await expect(answering(status, body, 'text/html').getSweep('x')).rejects.toMatchObject({ code: 'unreachable' })
})

test('a path is escaped, and the token goes into the header alone', async () => {
  let seen: { url: string; init: RequestInit } | undefined
  const client = createClient({
    url: 'http://x/',
    token: 'swp_user_t',
    fetch: async (url, init) => {
      seen = { url, init }
      return new Response('{"best":null}')
    },
  })
  await client.getSweep('../a?b#c')
  expect(seen?.url).toBe('http://x/api/v1/sweeps/..%2Fa%3Fb%23c')
  expect(seen?.init.headers).toMatchObject({ authorization: 'Bearer swp_user_t' })
  expect(seen?.init.redirect).toBe('error')
})

test('watching gives up at once when the sweep is not there, and after its patience when the server is not', async () => {
  const missing = answering(404, '{"code":"not-found","message":"m"}')
  await expect(missing.watchSweep('x').next()).rejects.toMatchObject({ code: 'not-found' })
  const away = createClient({ url: await deadUrl() })
  await expect(away.watchSweep('x', { patienceMs: 200 }).next()).rejects.toMatchObject({ code: 'unreachable' })
  const stopped = new AbortController()
  const watching = away.watchSweep('x', { signal: stopped.signal }).next()
  stopped.abort(new Error('enough'))
  await expect(watching).rejects.toThrow('enough')
})

test('events are read across pieces, with comments, CRLF and several data lines', async () => {
  const text = ': hi\r\n\r\nretry: 1\nevent: fact\nid: 7\ndata: {"ä":\ndata: 1}\n\ndata: x\n\ndata: never ended'
  const bytes = new TextEncoder().encode(text)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  const events = []
  for await (const event of readEvents(body)) events.push(event)
  expect(events).toEqual([
    { event: 'fact', id: '7', data: '{"ä":\n1}' },
    { event: 'message', id: '7', data: 'x' },
  ])
})
