import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, type Route, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

let folder: string
let server: FakeServer | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sweep-download-'))
})
afterEach(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

const PATH = `/sweeps/${SWEEP_ID}/trials/7/artifacts`

function artifact(path: string, text: string) {
  const sha256 = createHash('sha256').update(text).digest('hex')
  return { path, sizeBytes: text.length, sha256, attempt: 1, createdAt: '2026-01-01T00:00:00.000Z' }
}

async function run(args: readonly string[], list: unknown[], file: Route) {
  server = await startFakeServer({
    // Two pages.
    [`GET ${PATH}`]: (call) =>
      call.path.includes('after=')
        ? { artifacts: list.slice(1), next: null }
        : { artifacts: list.slice(0, 1), next: 'x' },
    [`GET ${PATH}/file`]: file,
  })
  const env = { SWEEP_URL: server.url, SWEEP_TOKEN: 'token' }
  return runFake(['trial', 'artifacts', `${SWEEP_ID}/7`, ...args], { env, cwd: folder })
}

/** Answers with the text of each file. */
function serving(texts: Record<string, string>): Route {
  return (call, response) => {
    const path = new URLSearchParams(call.path.split('?')[1]).get('path') ?? ''
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(texts[path] ?? '')
    return undefined
  }
}

const TEXTS = { 'a.txt': 'in a', 'sub/ä b.txt': 'in b' }
const LIST = Object.entries(TEXTS).map(([path, text]) => artifact(path, text))

test('files are listed over all pages', async () => {
  const { code, stdout } = await run(['-o', 'name'], LIST, serving(TEXTS))
  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toEqual(['a.txt', 'sub/ä b.txt'])
})

test('--download fetches them all into a folder, with their folders', async () => {
  const { code, stderr } = await run(['--download', 'got'], LIST, serving(TEXTS))
  expect(code).toBe(0)
  expect(readFileSync(join(folder, 'got/a.txt'), 'utf8')).toBe('in a')
  expect(readFileSync(join(folder, 'got/sub/ä b.txt'), 'utf8')).toBe('in b')
  expect(stderr).toContain('2 files in ')
})

test('a file that arrives damaged is fetched again, and one that always does is an error and not there', async () => {
  let times = 0
  const once: Route = (call, response) => {
    times += 1
    return serving(times === 1 ? { 'a.txt': 'damaged' } : TEXTS)(call, response)
  }
  expect((await run(['--download', '.'], LIST, once)).code).toBe(0)
  expect(times).toBe(3)
  await server?.close()
  rmSync(folder, { recursive: true })
  const { code, stderr } = await run(['--download', folder], LIST, serving({}))
  expect(code).toBe(1)
  expect(stderr).toContain('did not arrive as it was')
  expect(readdirSync(folder)).toEqual([])
})

test.each(['../escaped', '/tmp/sweep-escaped', 'a/../../escaped'])(
  'a server that names the path %s is not followed',
  async (path) => {
    const { code } = await run(['--download', 'got'], [artifact(path, 'x'), artifact('b', 'x')], serving({}))
    expect(code).not.toBe(0)
    expect(readdirSync(folder)).toEqual([])
  },
)
