import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Spool } from '@sweep/client/tracking/spool'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, type Route, startFakeServer } from '../testing/fake-server.ts'

let folder: string
const open: FakeServer[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-sync-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
  await Promise.all(open.splice(0).map((server) => server.close()))
})

const ID = 'rn00000001'

async function serve(routes: Readonly<Record<string, Route>>): Promise<FakeServer> {
  const server = await startFakeServer(routes)
  open.push(server)
  return server
}

/** What a program left: a run with one point. */
function leave(url: string | undefined): void {
  const create = { id: ID, name: 'n' }
  const spool = Spool.create(folder, { id: ID, url, create }, randomBytes)
  spool.append({ op: 'create', body: create })
  spool.append({ op: 'point', point: { step: 1, at: 1, values: { a: 'NaN' } } })
  spool.close()
}

const TAKES: Readonly<Record<string, Route>> = {
  'POST /runs': () => ({}),
  [`POST /runs/${ID}/metrics/batch`]: () => ({ taken: true, seq: 1, dropped: 0 }),
}

test('runs sync sends what was left to the server that it was for', async () => {
  const server = await serve(TAKES)
  const other = await serve({})
  leave(server.url)
  const env = { SWEEP_URL: other.url, SWEEP_TOKEN: 'secret', SWEEP_SPOOL: folder }
  const done = await runFake(['runs', 'sync', '-o', 'json'], { env })
  expect(done).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(done.stdout)).toEqual([{ runId: ID, isSent: true }])
  expect(server.calls.map(({ method, path }) => `${method} ${path}`)).toEqual(Object.keys(TAKES))
  expect(server.calls[1]?.body).toMatchObject({ writer: { seq: 1 }, points: [{ step: 1, values: { a: 'NaN' } }] })
  expect(other.calls).toEqual([])
  expect(await readdir(folder)).toEqual([])
  expect(await runFake(['runs', 'sync'], { env })).toMatchObject({ code: 0, stderr: 'There is nothing to send.\n' })
})

test('a run that was made without a server goes to the one that is named', async () => {
  const server = await serve(TAKES)
  leave(undefined)
  const argv = ['runs', 'sync', basename(folder), '--server', server.url, '--token', 't']
  expect((await runFake(argv, { cwd: tmpdir() })).code).toBe(0)
  expect(server.calls[0]?.headers.authorization).toBe('Bearer t')
})

test('what the server does not take now stays, and the exit code says so', async () => {
  const server = await serve({ 'POST /runs': () => [401, { code: 'unauthenticated', message: 'this needs a token' }] })
  leave(server.url)
  const done = await runFake(['runs', 'sync', folder])
  expect(done.code).toBe(1)
  expect(done.stderr).toContain('does not let this program in')
  expect(await readdir(folder)).toHaveLength(1)
})

test('without any server nothing is sent, and a folder that is not there is named', async () => {
  leave(undefined)
  expect((await runFake(['runs', 'sync', folder])).code).toBe(1)
  expect(await readdir(folder)).toHaveLength(1)
  const none = await runFake(['runs', 'sync', 'nowhere'], { cwd: folder })
  expect([none.code, none.stderr.includes(join(folder, 'nowhere'))]).toEqual([3, true])
})
