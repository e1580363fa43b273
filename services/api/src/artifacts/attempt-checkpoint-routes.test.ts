import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Assignment } from '@sweep/spec/wire/agent-protocol'
import { expireLeases } from '@sweep/store/attempts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Pod } from '../testing/pod.ts'
import {
  createTestSweep,
  ROOM,
  registerTestAgent,
  SETTINGS,
  SWEEP_YAML,
  type TestAgent,
  type TestApi,
  TestController,
  testApi,
  until,
} from '../testing/test-api.ts'

const IN_PODS = `${SWEEP_YAML}launcher: kubernetes\nkubernetes: {image: image:1}\n`

let folder: string
let api: TestApi
let agent: TestAgent
let way: Way
const pods: Pod[] = []

/** The way to the server, on which things can happen. */
class Way {
  isCut = false
  /** What becomes of the bytes of an answer. */
  answers: (path: string, bytes: Buffer) => Buffer = (_, bytes) => bytes
  readonly #server = createServer((from, to) => this.#pass(from, to))

  async open(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #pass(from: IncomingMessage, to: ServerResponse): void {
    if (this.isCut) {
      from.socket.destroy()
      return
    }
    const headers = { ...from.headers, host: 'localhost' }
    const passed = request(`${api.api.url}${from.url}`, { method: from.method ?? 'GET', headers }, async (reply) => {
      const chunks: Buffer[] = []
      for await (const chunk of reply) chunks.push(chunk as Buffer)
      to.writeHead(reply.statusCode ?? 500, reply.headers).end(this.answers(from.url ?? '', Buffer.concat(chunks)))
    })
    passed.on('error', () => to.destroy())
    from.pipe(passed)
  }
}

async function begin(objects: Partial<typeof SETTINGS.objects> = {}): Promise<void> {
  const place = { kind: 'folder' as const, folder: join(folder, 'objects') }
  api = await testApi({ objects: { ...SETTINGS.objects, place, ...objects } })
  agent = await registerTestAgent(api, { launchers: ['kubernetes'], host: hostname() })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-pods-'))
  way = new Way()
})
afterEach(async () => {
  for (const pod of pods.splice(0)) pod.kill()
  way.close()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

async function claim(): Promise<Assignment> {
  const body = { room: ROOM, max: 1, waitMs: 10_000 }
  const reply = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })
  const [assignment] = (reply.body as { assignments: unknown[] }).assignments
  return Assignment.parse(assignment)
}

async function first(yaml = IN_PODS): Promise<Assignment> {
  await new TestController(api).issue(await createTestSweep(api, yaml), 1)
  return claim()
}

function start(assignment: Assignment, url: string, env: Readonly<Record<string, string>> = {}, name = 'pod'): Pod {
  const pod = new Pod(join(folder, name), url, assignment, env)
  pods.push(pod)
  return pod
}

/** The pod goes with its disk; its agent says so, with the newest checkpoint that was told of. The trial goes on. */
async function next({ attemptId, epoch }: Assignment, pod: Pod): Promise<Assignment> {
  pod.kill()
  await pod.end()
  rmSync(pod.folder, { recursive: true })
  const checkpoint = pod.told.at(-1)
  const end = { at: 1, cause: 'node-fault', message: 'gone', exitCode: null, signal: null, seconds: 1 }
  const ended = { ...end, ...(checkpoint === undefined ? {} : { checkpoint }) }
  const body = { attempts: [{ attemptId, epoch, ended }] }
  const reply = await api.call('POST', `/agents/${agent.id}/reports`, { token: agent.token, body })
  expect([reply.status, reply.text]).toEqual([200, expect.stringContaining('"status":')])
  await new TestController(api).reconcile()
  return claim()
}

const toldOf = (pod: Pod, step: number) => until(() => pod.told.find((one) => one.step === step))

describe('a program in a pod', () => {
  test('goes on from what the one before it saved, with all of its files', async () => {
    await begin()
    const before = await first()
    const pod = start(before, api.api.url)
    expect(await pod.begun()).toBe('anew')
    for (const step of [1, 2]) {
      await pod.save(step)
      await toldOf(pod, step)
    }
    // What was uploaded goes in the moment after it was told of.
    const kept = () => readdirSync(join(pod.folder, 'checkpoints', before.attemptId)).sort()
    expect(await until(async () => (kept().length === 2 ? kept() : undefined))).toEqual(['1', '2'])
    const after = await next(before, pod)
    const again = start(after, api.api.url)
    expect(await again.begun()).toBe('from 2 state-of-2 complete deep/state ä large sweep_random_state.json')
    expect(readdirSync(join(again.folder, 'restored', '2'))).toContain('link')
    expect(readdirSync(join(again.folder, 'restored', '2'))).not.toContain('out')
    expect(await again.end()).toBe(0)
    expect(pod.err).toBe('sweep: out of a checkpoint is left out: it is a link that leads out.\n')
    expect(again.err).toBe('')
  }, 60_000)

  test('ends once its last checkpoint is stored, though nobody waited for it before', async () => {
    await begin()
    const before = await first()
    const pod = start(before, api.api.url)
    for (const step of [1, 2, 3, 4]) await pod.save(step)
    expect(await pod.end()).toBe(0)
    expect(pod.told.at(-1)).toMatchObject({ step: 4 })
    expect(await start(await next(before, pod), api.api.url).begun()).toContain('from 4')
  }, 60_000)

  test('trains on while the server is away, and then the newest is stored in place of those that waited', async () => {
    await begin()
    const pod = start(await first(), await way.open())
    way.isCut = true
    for (const step of [1, 2, 3]) await pod.save(step)
    await until(() => (pod.err.includes('not copied yet') ? true : undefined))
    way.isCut = false
    await toldOf(pod, 3)
    expect(pod.told.map(({ step }) => step)).not.toContain(2)
    expect(await pod.end()).toBe(0)
  }, 60_000)

  test('trains on where the store is full, says what is lost, and is not gone on from', async () => {
    await begin({ quotaBytes: 10 })
    const bytes = Buffer.from('more than ten bytes')
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const headers = { authorization: `Bearer ${agent.token}`, 'content-type': 'application/octet-stream' }
    const filled = await fetch(`${api.api.url}/api/v1/objects/${sha256}`, { method: 'PUT', headers, body: bytes })
    expect(filled.status).toBe(200)
    const before = await first()
    const pod = start(before, api.api.url, { SWEEP_EXIT_WAIT: '0.5' })
    await pod.save(1)
    expect(await pod.end()).toBe(0)
    expect(pod.err).toContain('the object store holds 10 bytes')
    expect(pod.err).toContain('the last checkpoint is not on the server')
    expect(pod.told).toEqual([])
    const after = await next(before, pod)
    expect(after.restore).toBeUndefined()
    expect(await start(after, api.api.url).begun()).toBe('anew')
  }, 60_000)

  test('whose attempt was given up stores nothing any more', async () => {
    await begin()
    const before = await first()
    const pod = start(before, api.api.url)
    await pod.save(1)
    await toldOf(pod, 1)
    const late = start(before, api.api.url, {}, 'late')
    await late.begun()
    await api.database.query(`update attempts set lease_until = now() - interval '1 s' where id = $1`, [
      before.attemptId,
    ])
    await expireLeases(api.database, { agentLeaseMs: 600_000 })
    await late.save(2)
    expect(await late.end()).toBe(0)
    expect(late.told).toEqual([])
    expect(late.err).toContain('the checkpoint of step 2 goes with this pod')
    const { rows } = await api.database.query('select step from checkpoints')
    expect(rows).toEqual([{ step: 1 }])
  }, 60_000)

  test('passes over a copy that arrives damaged for the one before, and starts anew when there is none', async () => {
    await begin()
    const before = await first()
    const url = await way.open()
    const pod = start(before, url)
    for (const step of [1, 2]) {
      await pod.save(step)
      await toldOf(pod, step)
    }
    const after = await next(before, pod)
    way.answers = (path, bytes) => (path.endsWith(String(after.restoreCopy?.sha256)) ? flipped(bytes) : bytes)
    const again = start(after, url)
    expect(await again.begun()).toContain('from 1 state-of-1')
    expect(again.err).toContain('the checkpoint of step 2 is passed over: other bytes arrived than were stored')
    way.answers = (path, bytes) => (path.includes('/restore/') ? flipped(bytes) : bytes)
    const third = await next(after, again)
    const anew = start(third, url)
    expect(await anew.begun()).toBe('anew')
    expect(anew.err).toContain('none of its copies can be read. Starting anew')
  }, 60_000)

  test('waits for a server that is away to go on from a checkpoint', async () => {
    await begin()
    const before = await first()
    const url = await way.open()
    const pod = start(before, url)
    await pod.save(1)
    await toldOf(pod, 1)
    const after = await next(before, pod)
    way.isCut = true
    const again = start(after, url)
    await until(() => (again.err.includes('waiting for the checkpoint') ? true : undefined))
    way.isCut = false
    expect(await again.begun()).toContain('from 1')
  }, 60_000)
})

function flipped(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes)
  changed[changed.length - 2_000_000] = (changed[changed.length - 2_000_000] ?? 0) ^ 1
  return changed
}

describe('copies of checkpoints', () => {
  test('are for the very attempt that may have them', async () => {
    await begin()
    const mine = await first()
    const other = await first()
    const bytes = Buffer.from('not for trials')
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const octets = { 'content-type': 'application/octet-stream' }
    const put = (token: string, path: string) =>
      api.call('PUT', `${path}?sha256=${sha256}&path=/x/1`, { token, headers: octets, body: bytes })
    const own = `/attempts/${mine.attemptId}`
    for (const token of [other.token, agent.token, api.tokens.admin, api.tokens.viewer]) {
      expect((await put(token, `${own}/checkpoints/1`)).status).toBe(403)
      expect((await api.call('GET', `${own}/restore`, { token })).status).toBe(403)
    }
    expect((await put(`${mine.token.slice(0, -1)}x`, `${own}/checkpoints/1`)).status).toBe(401)
    expect((await put(mine.token, `${own}/checkpoints/-1`)).status).toBe(400)
    expect((await put(mine.token, `${own}/checkpoints/1`)).body).toEqual({ result: 'kept' })
    // It has saved them, but was not told to go on from them.
    expect((await api.call('GET', `${own}/restore`, { token: mine.token })).body).toEqual({ copies: [] })
    expect((await api.call('GET', `${own}/restore/${sha256}`, { token: mine.token })).status).toBe(404)
  })

  test.each<[typeof SETTINGS.objects.checkpoints, string, boolean | undefined]>([
    ['auto', '', true],
    ['auto', ', checkpoints: /volume', undefined],
    ['always', '', true],
    ['never', '', undefined],
  ])('with SWEEP_CHECKPOINTS=%s and pods of {image%s}: wanted: %s', async (checkpoints, more, wanted) => {
    await begin({ checkpoints })
    const assignment = await first(IN_PODS.replace('image:1', `image:1${more}`))
    expect(assignment.keepsCheckpoints).toBe(wanted)
  })
})
