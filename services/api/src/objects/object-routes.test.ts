import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { contentKey } from '@sweep/objects/content'
import { openObjects } from '@sweep/objects/open-objects'
import type { SweepId } from '@sweep/spec/ids'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
} from '../testing/test-api.ts'
import { ObjectJanitor } from './object-janitor.ts'

const folder = mkdtempSync(join(tmpdir(), 'sweep-api-objects-'))
const OBJECTS = { ...SETTINGS.objects, place: { kind: 'folder' as const, folder } }

let api: TestApi
let agent: TestAgent
beforeAll(async () => {
  api = await testApi({ objects: OBJECTS, requestTimeoutMs: 1000 })
  agent = await registerTestAgent(api)
})
afterAll(async () => {
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Over a real connection, as bytes of any number are sent. */
async function put(sha256: string, bytes: Readable | Buffer, token = agent.token, type = 'application/octet-stream') {
  const body = Buffer.isBuffer(bytes) ? Readable.from([bytes]) : bytes
  const response = await fetch(`${api.api.url}/api/v1/objects/${sha256}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body: Readable.toWeb(body) as ReadableStream,
    duplex: 'half',
  } as RequestInit)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function get(path: string, token = api.tokens.viewer) {
  const response = await fetch(`${api.api.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
}

async function stored(text: string): Promise<string> {
  const bytes = Buffer.from(text)
  expect((await put(sha256Of(bytes), bytes)).status).toBe(200)
  return sha256Of(bytes)
}

test('bytes are stored under their hash, and come back', async () => {
  const bytes = randomBytes(3_000_000)
  const sha256 = sha256Of(bytes)
  expect((await api.call('HEAD', `/objects/${sha256}`, { token: agent.token })).status).toBe(404)
  expect(await put(sha256, bytes)).toEqual({ status: 200, body: { sha256, sizeBytes: bytes.length } })
  expect((await api.call('HEAD', `/objects/${sha256}`, { token: agent.token })).status).toBe(200)
  const found = await get(`/objects/${sha256}`)
  expect(found.bytes.equals(bytes)).toBe(true)
  expect(found.headers.get('content-length')).toBe(String(bytes.length))
  expect(await put(sha256, bytes)).toMatchObject({ status: 200 })
})

test('a hash that lies is refused, and nothing is stored under it', async () => {
  const sha256 = sha256Of(Buffer.from('something else'))
  expect(await put(sha256, Buffer.from('bytes'))).toMatchObject({ status: 400, body: { code: 'checksum-mismatch' } })
  expect((await get(`/objects/${sha256}`)).status).toBe(404)
})

test.each(['..%2f..%2fetc%2fpasswd', 'ABCD', 'a'.repeat(63), `${'a'.repeat(64)}0`, '%00', 'A'.repeat(64)])(
  'the hash %s is refused',
  async (sha256) => {
    expect([400, 404]).toContain((await put(sha256, Buffer.from('x'))).status)
    expect([400, 404]).toContain((await get(`/objects/${sha256}`)).status)
  },
)

test('who may put and get is checked', async () => {
  const sha256 = await stored('for some')
  for (const [who, gets, puts] of [
    ['viewer', 200, 403],
    ['operator', 200, 200],
    ['join', 403, 403],
  ] as const) {
    expect((await get(`/objects/${sha256}`, api.tokens[who])).status).toBe(gets)
    expect((await put(sha256, Buffer.from('for some'), api.tokens[who])).status).toBe(puts)
  }
  expect((await get(`/objects/${sha256}`, agent.token)).status).toBe(200)
  expect((await get(`/objects/${sha256}`, 'swp_user_wrong')).status).toBe(401)
})

test('only bytes are taken for bytes, and bytes for nothing else', async () => {
  const sha256 = sha256Of(Buffer.from('{}'))
  for (const type of ['application/json', 'text/plain', 'application/octet-stream;x']) {
    expect((await put(sha256, Buffer.from('{}'), agent.token, type)).status).toBe(415)
  }
  const headers = { 'content-type': 'application/octet-stream' }
  const reply = await api.call('POST', '/sweeps', { token: api.tokens.operator, headers, body: '{}' })
  expect(reply.status).toBe(415)
})

test('an upload that stops coming is cut off and leaves nothing; one that goes on slowly is not', async () => {
  const bytes = Buffer.from('slowly but surely')
  const slowly = async function* () {
    for (const byte of bytes) {
      yield Buffer.from([byte])
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  const upload = put(sha256Of(bytes), Readable.from(slowly()))
  const socket = connect(Number(new URL(api.api.url).port), '127.0.0.1')
  socket.write(
    `PUT /api/v1/objects/${'0'.repeat(64)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${agent.token}\r\n` +
      'Content-Type: application/octet-stream\r\nContent-Length: 1000\r\n\r\nhalf',
  )
  socket.resume()
  await once(socket, 'close')
  expect(await upload).toMatchObject({ status: 200 })
  expect((await get(`/objects/${'0'.repeat(64)}`)).status).toBe(404)
  expect(readdirSync(join(folder, '.unfinished'))).toEqual([])
})

test('a body of JSON that is not there in time is cut off too', async () => {
  const sent = request(`${api.api.url}/api/v1/sweeps`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${api.tokens.operator}`,
      'content-type': 'application/json',
      'content-length': 10,
    },
  })
  sent.write('{')
  const [response] = (await once(sent, 'response')) as [{ statusCode: number }]
  expect(response.statusCode).toBe(408)
})

test('over the quota nothing more is stored', async () => {
  const full = await testApi({ objects: { ...OBJECTS, quotaBytes: 10 } })
  try {
    const bytes = Buffer.from('more than ten bytes')
    const send = (text: Buffer) =>
      fetch(`${full.api.url}/api/v1/objects/${sha256Of(text)}`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${full.tokens.operator}`, 'content-type': 'application/octet-stream' },
        body: text,
      } as unknown as RequestInit)
    expect((await send(bytes)).status).toBe(200)
    const refused = await send(Buffer.from('x'))
    expect(refused.status).toBe(507)
    expect(await refused.json()).toMatchObject({ code: 'storage-full', hint: expect.stringContaining('QUOTA') })
  } finally {
    await full.close()
  }
})

async function createWith(code: unknown, yaml = SWEEP_YAML) {
  const body = { source: yaml, workdir: '/tmp', code }
  return api.call('POST', '/sweeps', { token: api.tokens.operator, body })
}

test('a sweep refers to a snapshot that is stored, and to no other', async () => {
  const sha256 = await stored('an archive')
  const reply = await createWith({ kind: 'snapshot', sha256, sizeBytes: 10, origin: 'a:1' })
  expect(reply.status).toBe(201)
  const { id } = (reply.body as { sweep: { id: string } }).sweep
  const detail = await api.call('GET', `/sweeps/${id}`, { token: api.tokens.viewer })
  expect(detail.body).toMatchObject({ code: { kind: 'snapshot', sha256, origin: 'a:1' } })
  const missing = await createWith({ kind: 'snapshot', sha256: '1'.repeat(64), sizeBytes: 10 })
  expect(missing).toMatchObject({ status: 409, body: { code: 'conflict' } })
})

test('what a sweep says of its code and what comes with it must fit', async () => {
  const sha256 = await stored('an archive')
  const snapshot = { kind: 'snapshot', sha256, sizeBytes: 10, origin: 'a:1' }
  const commit = 'a'.repeat(40)
  const git = { kind: 'git', url: 'https://host/x.git', commit, folder: '' }
  const asks = (code: string) => `${SWEEP_YAML}code: ${code}\n`
  const cases: [string, unknown, unknown][] = [
    [SWEEP_YAML, undefined, { kind: 'folder' }],
    [asks('none'), snapshot, { kind: 'folder' }],
    [asks('snapshot'), snapshot, { kind: 'snapshot', sha256, sizeBytes: 10 }],
    [asks('snapshot'), undefined, null],
    [SWEEP_YAML, git, null],
    [asks('{git: https://host/x.git, ref: main}'), git, git],
    [asks('{git: https://host/x.git, ref: main}'), undefined, null],
    [asks('{git: https://host/x.git, ref: main}'), { ...git, url: 'https://other/x.git' }, null],
    [asks(`{git: "https://host/x.git", ref: ${commit}}`), undefined, git],
    [SWEEP_YAML, { kind: 'git', url: '--upload-pack=x', commit, folder: '' }, null],
    [SWEEP_YAML, { kind: 'snapshot', sha256: '../x', sizeBytes: 1 }, null],
  ]
  for (const [yaml, given, expected] of cases) {
    const reply = await createWith(given, yaml)
    expect([yaml, reply.status]).toEqual([yaml, expected === null ? 400 : 201])
    if (expected === null) continue
    const { id } = (reply.body as { sweep: { id: string } }).sweep
    const detail = await api.call('GET', `/sweeps/${id}`, { token: api.tokens.viewer })
    expect((detail.body as { code: unknown }).code).toEqual(expected)
  }
})

/** A running attempt of the agent. */
async function running(): Promise<{
  sweepId: SweepId
  attemptId: string
  epoch: number
  assignment: Record<string, unknown>
}> {
  const sweepId = await createTestSweep(api)
  await new TestController(api).issue(sweepId, 1)
  const body = { room: ROOM, max: 1, waitMs: 5000 }
  const reply = await api.call('POST', `/agents/${agent.id}/claim`, { token: agent.token, body })
  const [assignment] = (reply.body as { assignments: Record<string, unknown>[] }).assignments
  return {
    sweepId,
    attemptId: String(assignment?.['attemptId']),
    epoch: Number(assignment?.['epoch']),
    assignment: assignment ?? {},
  }
}

test('files of an attempt are kept, listed and fetched, whatever their names', async () => {
  const { sweepId, attemptId, epoch } = await running()
  const names = ['a.txt', 'sub/ä "b"\n.txt', '-rf', '~', '%2e%2e', '..hidden', "it's (1)*.html", 'a\\b', '<script>']
  const keep = async (path: string, sha256: string, changes = {}) =>
    await api.call('POST', `/agents/${agent.id}/artifacts`, {
      token: agent.token,
      body: { attemptId, epoch, path, sha256, ...changes },
    })
  for (const name of names) expect((await keep(name, await stored(`in ${name}`))).body).toEqual({ result: 'kept' })
  const path = `/sweeps/${sweepId}/trials/1/artifacts`
  const list = (await api.call('GET', path, { token: api.tokens.viewer })).body as { artifacts: { path: string }[] }
  expect(list.artifacts.map((one) => one.path).sort()).toEqual([...names].sort())
  for (const name of names) {
    const { bytes, headers, status } = await get(`${path}/file?path=${encodeURIComponent(name)}`)
    expect([name, status, String(bytes)]).toEqual([name, 200, `in ${name}`])
    expect(headers.get('content-disposition')).toMatch(/^attachment; filename\*=UTF-8''[A-Za-z0-9%._~-]+$/)
  }
  const paged: string[] = []
  for (let after = ''; ; ) {
    const page = await api.call('GET', `${path}?limit=4${after}`, { token: api.tokens.viewer })
    const { artifacts, next } = page.body as { artifacts: { path: string }[]; next: string | null }
    paged.push(...artifacts.map((one) => one.path))
    if (next === null) break
    after = `&after=${encodeURIComponent(next)}`
  }
  expect(paged).toEqual(list.artifacts.map((one) => one.path))

  expect((await keep('a.txt', await stored('new'))).body).toEqual({ result: 'kept' })
  expect(String((await get(`${path}/file?path=a.txt`)).bytes)).toBe('new')
  expect((await get(`${path}/file?path=none`)).status).toBe(404)
  expect((await keep('b.txt', '2'.repeat(64))).body).toEqual({ result: 'missing' })
  expect((await keep('b.txt', await stored('x'), { epoch: epoch + 1 })).body).toEqual({ result: 'fenced' })
  for (const bad of ['../x', '/etc/passwd', 'a/../b', 'a//b', '', '.', 'a/', 'nul\0', 'x'.repeat(1025)]) {
    expect((await keep(bad, await stored('x'))).status).toBe(400)
    expect((await get(`${path}/file?path=${encodeURIComponent(bad)}`)).status).toBe(400)
  }
  const other = await registerTestAgent(api)
  const body = { attemptId, epoch, path: 'c.txt', sha256: await stored('x') }
  expect((await api.call('POST', `/agents/${other.id}/artifacts`, { token: other.token, body })).body).toEqual({
    result: 'fenced',
  })
  expect((await api.call('POST', `/agents/${agent.id}/artifacts`, { token: other.token, body })).status).toBe(403)
})

test('objects that nothing refers to go away, but not before an hour, and not those in use', async () => {
  const objects = await openObjects(OBJECTS.place, { now: () => 0 })
  const log = pino({ level: 'silent' })
  const clean = () => new ObjectJanitor({ database: api.database, objects, settings: OBJECTS, log }).clean()
  const used = await stored('used by a sweep')
  expect((await createWith({ kind: 'snapshot', sha256: used, sizeBytes: 15 })).status).toBe(201)
  const unused = await stored('used by nobody')
  await clean()
  expect((await get(`/objects/${unused}`)).status).toBe(200)
  await api.database.query(`update objects set held_until = now() - interval '1 second'`)
  // An upload that is under way holds what it puts.
  const held = await stored('is being put')
  await clean()
  expect((await get(`/objects/${unused}`)).status).toBe(404)
  expect(await objects.head(contentKey(unused))).toBeUndefined()
  expect((await get(`/objects/${used}`)).status).toBe(200)
  expect((await get(`/objects/${held}`)).status).toBe(200)
  expect((await createWith({ kind: 'snapshot', sha256: unused, sizeBytes: 15 })).status).toBe(409)
  expect(await stored('used by nobody')).toBe(unused)
  expect((await createWith({ kind: 'snapshot', sha256: unused, sizeBytes: 15 })).status).toBe(201)
})
