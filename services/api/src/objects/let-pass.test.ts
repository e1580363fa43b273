import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { letPass } from './store-upload.ts'

const MOST_MS = 200
let taken = 0
const server = createServer(async (raw, reply) => {
  raw.on('data', (bytes: Buffer) => (taken += bytes.length))
  await letPass(
    { raw },
    { header: (name: string, value: unknown) => reply.setHeader(name, String(value)) } as never,
    MOST_MS,
  )
  reply.writeHead(404).end()
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

test('a body is taken to its end before it is refused, and one without an end is not waited for', async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const send = (chunks: number) =>
    new Promise<number | undefined>((resolve) => {
      const sent = request({ port, method: 'PUT' }, (reply) => resolve(reply.resume().statusCode))
      sent.on('error', () => {})
      void (async () => {
        for (let n = 0; n < chunks && !sent.destroyed; n += 1) {
          sent.write(Buffer.alloc(1000))
          await sleep(5)
        }
        sent.end()
      })()
    })
  expect(await send(10)).toBe(404)
  expect(taken).toBe(10_000)
  taken = 0
  expect(await send(100_000)).toBe(404)
  expect(taken).toBeLessThan(1_000_000)
})
