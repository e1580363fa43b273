import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, type Route, startFakeServer } from '../testing/fake-server.ts'

let folder: string
const open: FakeServer[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-test-transfer-'))
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
  rmSync(folder, { recursive: true })
})

const FILES = { 'runs-000001.jsonl': '{}\n', [`objects/${'a'.repeat(64)}`]: 'bytes', 'manifest.json': '{"kind":"x"}' }

async function tar(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack()
  for (const [name, text] of Object.entries(files)) archive.entry({ name }, text)
  archive.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of archive) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function run(argv: readonly string[], exporting: Route = () => undefined) {
  const project = { id: 7, name: 'vi/sion' }
  const server = await startFakeServer({
    'GET /projects': () => ({ projects: [project], next: null }),
    'GET /projects/7/export': exporting,
    'POST /projects/import': () => [201, { project, experiments: 1, runs: 2, points: 3, artifacts: 4 }],
  })
  open.push(server)
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'secret', NO_COLOR: '1' }
  const done = await runFake(['project', ...argv], { env, cwd: folder, terminal: { columns: 120, rows: 24 } })
  return { ...done, calls: server.calls }
}

test('an export is a file, compressed as its name says, or a folder', async () => {
  const whole = await tar(FILES)
  const exporting: Route = (_, response) => response.end(whole)
  const named = await run(['export', 'vi/sion', '--out', 'x.tar', '--format', 'csv', '--no-files'], exporting)
  expect(named).toMatchObject({ code: 0 })
  expect(named.calls.at(-1)?.path).toBe('/projects/7/export?format=csv&files=false')
  expect(readFileSync(join(folder, 'x.tar'))).toEqual(whole)
  // A name is no path.
  await run(['export', 'vi/sion'], exporting)
  expect(gunzipSync(readFileSync(join(folder, 'vi-sion.tar.gz')))).toEqual(whole)
  expect(await run(['export', 'vi/sion', '--out', 'there'], exporting)).toMatchObject({ code: 0 })
  expect(readdirSync(join(folder, 'there'))).toEqual(['manifest.json', 'objects', 'runs-000001.jsonl'])
  // What is there stays.
  expect(await run(['export', 'vi/sion', '--out', 'x.tar'], exporting)).toMatchObject({ code: 2 })
  expect(await run(['export', 'vi/sion', '--out', 'there'], exporting)).toMatchObject({ code: 2 })
})

test('of an export that breaks off, or that leads out of its folder, nothing is kept', async () => {
  const whole = await tar(FILES)
  const breaking: Route = (_, response) => {
    response.write(whole.subarray(0, 700), () => response.destroy())
    return undefined
  }
  for (const out of ['x.tar', 'x.tar.gz', 'x']) {
    expect((await run(['export', 'vi/sion', '--out', out], breaking)).code).not.toBe(0)
  }
  const evil = await tar({ '../evil.txt': 'x', ...FILES })
  expect((await run(['export', 'vi/sion', '--out', 'y'], (_, response) => response.end(evil))).code).not.toBe(0)
  const { 'manifest.json': _, ...less } = FILES
  const cut = await tar(less)
  expect((await run(['export', 'vi/sion', '--out', 'z'], (_, response) => response.end(cut))).code).not.toBe(0)
  expect(readdirSync(folder)).toEqual([])
  expect(existsSync(join(folder, '..', 'evil.txt'))).toBe(false)
})

test('import sends a file or a folder, and says what was made of it', async () => {
  writeFileSync(join(folder, 'x.tar'), await tar(FILES))
  await run(['export', 'vi/sion', '--out', 'there'], (_, response) => response.end(readFileSync(join(folder, 'x.tar'))))
  for (const path of ['x.tar', 'there']) {
    const { code, stdout, calls } = await run(['import', path, '--name', 'new', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ runs: 2, points: 3 })
    expect(calls.at(-1)).toMatchObject({ method: 'POST', path: '/projects/import?name=new' })
  }
  expect((await run(['import', 'nothing.tar'])).code).toBe(3)
})
