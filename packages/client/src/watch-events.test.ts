import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test } from 'vitest'
import { createClient } from './client.ts'

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('data: {"type": "fact"}\n\n')
})
afterEach(() => {
  server.close()
  server.closeAllConnections()
})

test('a watch that is aborted ends, though its request has been collected as garbage', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  const stop = new AbortController()
  const events = client.watchSweep('x', { signal: stop.signal })
  await events.next()
  const next = events.next()
  // Node 20 keeps the way from a signal to the body of a reply by the request alone, which nobody holds any more.
  for (let i = 0; i < 20; i += 1) {
    await sleep(5)
    collect()
  }
  stop.abort(new Error('enough'))
  await expect(next).rejects.toThrow('enough')
})

test('a stream that is open is told before its first event, and again after it broke', async () => {
  let opened = 0
  const silent = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    if (opened === 0) response.destroy()
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const client = createClient({ url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` })
  const stop = new AbortController()
  const twice = new Promise<void>((resolve) => {
    const onOpen = () => {
      opened += 1
      if (opened === 2) resolve()
    }
    client
      .watchSweeps({ signal: stop.signal, onOpen })
      .next()
      .catch(() => undefined)
  })
  await twice
  stop.abort()
  silent.close()
  silent.closeAllConnections()
})
