import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderIdentity } from '@sweep/snapshot/folder-identity'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, fakeSweep, type Route, startFakeServer } from '../testing/fake-server.ts'

let folder: string
let server: FakeServer | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-code-'))
  writeFileSync(join(folder, 'train.py'), 'print(1)\n')
})
afterEach(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

const YAML = `method: grid
parameters: {x: {values: [1, 2]}}
command: [python3, train.py]
`

/** Runs `sweep create` on a file with these lines more; `objects` answers whatever is asked of the object store. */
async function create(lines: string, options: { args?: string[]; env?: Record<string, string>; objects?: Route } = {}) {
  writeFileSync(join(folder, 'sweep.yaml'), `${YAML}${lines}`)
  const routes: Record<string, Route> = {
    'GET /health': () => ({ status: 'ok', version: 'any', database: 'ok', migration: null }),
    'POST /sweeps': () => [201, { sweep: fakeSweep(), warnings: [] }],
  }
  const answer = (key: string) => routes[key] ?? (key.includes(' /objects/') ? options.objects : undefined)
  server = await startFakeServer(new Proxy(routes, { get: (_, key) => answer(String(key)) }))
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'token', PATH: process.env['PATH'] ?? '', ...options.env }
  const run = await runFake(['create', 'sweep.yaml', ...(options.args ?? [])], { cwd: folder, env })
  const created = server.calls.find((call) => call.method === 'POST' && call.path === '/sweeps')
  return { ...run, calls: server.calls, code: (created?.body as { code?: unknown } | undefined)?.code, exit: run.code }
}

test('a snapshot goes along, and where it is from, so that trials on this host run in the folder', async () => {
  const { code, exit } = await create('')
  expect(exit).toBe(0)
  expect(code).toEqual({
    kind: 'snapshot',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    sizeBytes: expect.any(Number),
    origin: folderIdentity(folder),
  })
})

test('what the server lacks is uploaded as bytes', async () => {
  const { exit, calls } = await create('', { objects: (call) => (call.method === 'HEAD' ? [404, {}] : {}) })
  expect(exit).toBe(0)
  const puts = calls.filter((call) => call.method === 'PUT')
  expect(puts.map((call) => call.headers['content-type'])).toEqual(['application/octet-stream'])
})

test('what the server has is not uploaded', async () => {
  expect((await create('')).calls.some((call) => call.method === 'PUT')).toBe(false)
})

test('code: snapshot goes without the place it is from, so that trials run in it everywhere', async () => {
  const { code } = await create('code: snapshot\n')
  expect(code).toEqual({ kind: 'snapshot', sha256: expect.any(String), sizeBytes: expect.any(Number) })
})

test.each([
  ['code: none\n', []],
  ['', ['--no-snapshot']],
  ['', ['--set', 'code=none']],
  ['code: snapshot\n', ['--no-snapshot']],
  ['launcher: kubernetes\nkubernetes: {image: "my/train:1"}\n', []],
])('%j with %j uploads nothing', async (lines, args) => {
  const { code, calls, exit } = await create(lines, { args })
  expect(exit).toBe(0)
  expect(code).toBeUndefined()
  expect(calls.some((call) => call.path.startsWith('/objects'))).toBe(false)
})

test('on a local server a folder that is too large costs a warning, and no upload', async () => {
  writeFileSync(join(folder, 'data.bin'), Buffer.alloc(2_000_000))
  const { code, stderr, exit } = await create('', { env: { SWEEP_SNAPSHOT_LIMIT: '1MB' } })
  expect(exit).toBe(0)
  expect(code).toBeUndefined()
  expect(stderr).toContain('trials can run on this machine only')
  expect(stderr).toContain('data.bin (2.0 MB)')
})

test('where the snapshot is asked for, a folder that is too large is an error that says what to do', async () => {
  writeFileSync(join(folder, 'data.bin'), Buffer.alloc(2_000_000))
  const { calls, stderr, exit } = await create('code: snapshot\n', { env: { SWEEP_SNAPSHOT_LIMIT: '1MB' } })
  expect(exit).toBe(2)
  expect(stderr).toContain('.sweepignore')
  expect(calls.some((call) => call.path === '/sweeps')).toBe(false)
})

test('a server that does not take the snapshot is an error, though it is local', async () => {
  const { exit, stderr, calls } = await create('', {
    objects: () => [507, { code: 'storage-full', message: 'no room' }],
  })
  expect(exit).not.toBe(0)
  expect(stderr).toContain('no')
  expect(calls.some((call) => call.path === '/sweeps')).toBe(false)
})

test('links that lead out are named', async () => {
  execFileSync('ln', ['-s', '/etc', join(folder, 'etc')])
  expect((await create('')).stderr).toContain(
    'etc is a link that leads out of the folder, to /etc; the snapshot lacks it',
  )
})

test('of a git repository the commit goes along that a branch, a tag or HEAD stands for now', async () => {
  const repository = join(folder, 'repository')
  mkdirSync(repository)
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      encoding: 'utf8',
    }).trim()
  git('init', '-q', '-b', 'main')
  git('commit', '-q', '--allow-empty', '-m', 'one')
  git('tag', '-a', 'v1', '-m', 'v1')
  const one = git('rev-parse', 'HEAD')
  git('commit', '-q', '--allow-empty', '-m', 'two')
  const two = git('rev-parse', 'HEAD')
  const url = `file://${repository}`
  for (const [lines, commit] of [
    [`code: {git: "${url}"}\n`, two],
    [`code: {git: "${url}", ref: main}\n`, two],
    [`code: {git: "${url}", ref: v1}\n`, one],
    [`code: {git: "${url}", ref: ${one}}\n`, one],
  ] as const) {
    const { code } = await create(lines)
    await server?.close()
    expect(code).toEqual({ kind: 'git', url, commit, folder: '' })
  }
  const unknown = await create(`code: {git: "${url}", ref: nowhere}\n`)
  expect(unknown.exit).toBe(3)
  expect(unknown.stderr).toContain('no branch and no tag nowhere')
  await server?.close()
  const away = await create(`code: {git: "file:///nonexistent"}\n`)
  expect(away.exit).toBe(7)
  expect(away.stderr).toContain("git can't read file:///nonexistent")
})

test.each(['ext::sh -c id', '--upload-pack=x', 'https://user:secret@host/x', 'http://-x', '/local/path', 'file:/x'])(
  'the git address %j is refused',
  async (url) => {
    expect((await create(`code: {git: ${JSON.stringify(url)}}\n`)).exit).toBe(2)
  },
)

test.each(['-x', 'a..b', 'a b', '../x'])('the git ref %j is refused', async (ref) => {
  expect((await create(`code: {git: "https://host/x", ref: ${JSON.stringify(ref)}}\n`)).exit).toBe(2)
})
