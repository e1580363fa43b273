import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KubeConfig } from '@kubernetes/client-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KubeClient } from './kube-client.ts'
import { LogFollower } from './log-follower.ts'
import { Pod } from './objects.ts'

const POD = {
  metadata: { name: 'a', namespace: 'n', uid: 'u1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { containers: [{ name: 'train', image: 'x' }] },
}
const LINES = '2026-01-01T00:00:01.0Z one\n2026-01-01T00:00:02.0Z two\n'

let folder: string
let server: Server
/** Answers to readings of the log, in their order; the last is given again and again. */
let readings: { status: number; text: string }[]
/** The uid of the pod of that name; undefined where there is none. */
let uid: string | undefined
let isDeleted: boolean
let asked: string[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-log-'))
  asked = []
  uid = 'u1'
  isDeleted = false
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://x')
    asked.push(pathname)
    if (pathname.endsWith('/log')) {
      const { status, text } = (readings.length > 1 ? readings.shift() : readings[0]) ?? { status: 500, text: '' }
      response.writeHead(status).end(text)
      return
    }
    const deleted = isDeleted ? { deletionTimestamp: '2026-01-01T00:00:09Z' } : {}
    const pod = { ...POD, metadata: { ...POD.metadata, uid, ...deleted } }
    const body = uid === undefined ? { code: 404, reason: 'NotFound' } : pod
    response.writeHead(uid === undefined ? 404 : 200).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

const NO_POD = { status: 404, text: JSON.stringify({ code: 404, reason: 'NotFound', message: 'pods/log a' }) }

function follow(): LogFollower {
  const config = new KubeConfig()
  const { port } = server.address() as AddressInfo
  config.loadFromClusterAndUser({ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'u' })
  return new LogFollower(new KubeClient(config), Pod.parse(POD), join(folder, 'output.log'), () => undefined)
}

test('a kubelet that was just started and knows no pod yet is asked again', async () => {
  readings = [NO_POD, NO_POD, { status: 200, text: LINES }]
  const follower = follow()
  await expect.poll(() => asked.filter((path) => path.endsWith('/log')).length).toBeGreaterThan(2)
  await follower.finish(10_000)
  expect(readFileSync(join(folder, 'output.log'), 'utf8')).toBe('one\ntwo\n')
})

test('the log of a pod that is being deleted is waited for until its program has ended', async () => {
  readings = [NO_POD]
  isDeleted = true
  const follower = follow()
  await expect.poll(() => asked.filter((path) => path.endsWith('/log')).length).toBeGreaterThan(2)
  const started = performance.now()
  await follower.finish(60_000)
  expect(performance.now() - started).toBeLessThan(30_000)
})

test.each([
  ['is gone', undefined],
  ['has another in its place', 'u2'],
])('the log of a pod that %s is not waited for', async (_, now) => {
  readings = [NO_POD]
  uid = now
  const follower = follow()
  const started = performance.now()
  await follower.finish(60_000)
  expect(performance.now() - started).toBeLessThan(30_000)
  expect(asked).toEqual(['/api/v1/namespaces/n/pods/a/log', '/api/v1/namespaces/n/pods/a'])
})
