import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { Informer } from './informer.ts'
import { KubeClient } from './kube-client.ts'

const Thing = z.object({ metadata: z.object({ uid: z.string(), resourceVersion: z.string() }) })
type Thing = z.infer<typeof Thing>

/** What the server is asked, and the answers that it still waits with. */
let asked: string[]
let answers: ServerResponse[]
let lists: (() => { status: number; body: object })[]
let server: Server
let informer: Informer<Thing> | undefined
let seen: string[]
let troubles: string[]

const thing = (uid: string, version: number) => ({ metadata: { uid, resourceVersion: String(version) } })
const listOf =
  (version: number, ...items: object[]) =>
  () => ({
    status: 200,
    body: { metadata: { resourceVersion: String(version) }, items },
  })

beforeEach(async () => {
  asked = []
  answers = []
  lists = []
  seen = []
  troubles = []
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const { searchParams } = new URL(request.url ?? '', 'http://x')
    const isWatch = searchParams.get('watch') === 'true'
    asked.push(isWatch ? `watch ${searchParams.get('resourceVersion')}` : `list ${searchParams.get('labelSelector')}`)
    if (isWatch) {
      answers.push(response)
      return
    }
    const { status, body } = lists.shift()?.() ?? { status: 500, body: { message: 'no more lists' } }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  informer?.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function start() {
  const config = new KubeConfig()
  const { port } = server.address() as AddressInfo
  config.loadFromClusterAndUser({ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'u' })
  informer = new Informer<Thing>({
    client: new KubeClient(config),
    path: '/api/v1/things',
    labelSelector: 'a=b',
    schema: Thing,
    onChange: ({ metadata }, isGone) => seen.push(`${metadata.uid} ${isGone ? 'gone' : metadata.resourceVersion}`),
    onListed: () => seen.push('listed'),
    onTrouble: (error) => troubles.push((error as Error).message),
  })
  return informer
}

const watching = (count: number) => expect.poll(() => answers.length).toBe(count)
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`

test('lists, then follows; a cut watch is resumed from the last version without a list', async () => {
  lists.push(listOf(5, thing('a', 4)))
  const things = start()
  await watching(1)
  answers[0]?.writeHead(200).write(event('ADDED', thing('b', 6)) + event('BOOKMARK', thing('', 9)).slice(0, 20))
  await expect.poll(() => seen).toEqual(['a 4', 'listed', 'b 6'])
  answers[0]?.write(event('BOOKMARK', thing('', 9)).slice(20))
  answers[0]?.write(event('DELETED', thing('a', 10)))
  await expect.poll(() => seen).toContain('a gone')
  answers[0]?.destroy()
  await watching(2)
  answers[1]?.writeHead(200).end(event('MODIFIED', thing('b', 11)))
  await watching(3)
  expect(asked).toEqual(['list a=b', 'watch 5', 'watch 10', 'watch 11'])
  expect([...things.objects.keys()]).toEqual(['b'])
  expect(seen).toEqual(['a 4', 'listed', 'b 6', 'a gone', 'b 11'])
})

test.each([
  [
    'as an event',
    (response: ServerResponse) => response.writeHead(200).end(event('ERROR', { code: 410, reason: 'Expired' })),
  ],
  [
    'as an answer',
    (response: ServerResponse) => response.writeHead(410).end('{"kind": "Status", "reason": "Expired"}'),
  ],
])('what the server no longer has (410 %s) is listed again, and what went meanwhile is gone', async (_, refuse) => {
  lists.push(listOf(5, thing('a', 4), thing('b', 4)), listOf(20, thing('b', 15), thing('c', 16)))
  start()
  await watching(1)
  const [response] = answers
  if (response !== undefined) refuse(response)
  await watching(2)
  expect(asked).toEqual(['list a=b', 'watch 5', 'list a=b', 'watch 20'])
  expect(seen).toEqual(['a 4', 'b 4', 'listed', 'a gone', 'b 15', 'c 16', 'listed'])
  expect(troubles).toEqual([])
})

test('a server that fails is asked again, and the trouble is told', async () => {
  lists.push(() => ({ status: 503, body: { message: 'starting' } }), listOf(5))
  start()
  await watching(1)
  answers[0]?.writeHead(500).end('{"message": "etcd"}')
  await watching(2)
  expect(asked).toEqual(['list a=b', 'list a=b', 'watch 5', 'watch 5'])
  expect(troubles).toEqual(['starting', 'etcd'])
})

test('an object that can not be read is trouble, and is told again', async () => {
  lists.push(listOf(5))
  start()
  await watching(1)
  answers[0]?.writeHead(200).end(event('ADDED', { metadata: {} }))
  await watching(2)
  expect(asked.at(-1)).toBe('watch 5')
  expect(troubles).toHaveLength(1)
})
