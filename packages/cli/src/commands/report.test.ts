import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runFake } from '../testing/fake-process.ts'
import { type FakeServer, SWEEP_ID, startFakeServer } from '../testing/fake-server.ts'

let server: FakeServer
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sweep-report-'))
  server = await startFakeServer({
    [`GET /sweeps/${SWEEP_ID}/report`]: (call, response) => {
      const format = new URL(call.path, 'http://x').searchParams.get('format')
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`${format} of \u001b[31m`)
    },
  })
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

function run(...argv: string[]) {
  return runFake(['report', SWEEP_ID, ...argv], { env: { SWEEP_URL: server.url }, cwd: folder })
}

test('prints Markdown unless asked otherwise; on a terminal nothing of it moves the cursor', async () => {
  expect((await run()).stdout).toBe('md of \u001b[31m')
  const env = { SWEEP_URL: server.url }
  const seen = await runFake(['report', SWEEP_ID], { env, terminal: { columns: 80, rows: 24 } })
  expect(seen.stdout).toBe('md of \\e[31m')
})

test('saves a page under a name of its own, or the one given, and prints where', async () => {
  expect((await run('--html')).stdout).toBe(`file\t${join(folder, `sweep-${SWEEP_ID}.html`)}\n`)
  expect(await readFile(join(folder, `sweep-${SWEEP_ID}.html`), 'utf8')).toBe('html of \u001b[31m')
  const json = await run('--md', 'r "1" 🎉.md', '--json')
  expect(JSON.parse(json.stdout)).toEqual({
    ...{ sweep: SWEEP_ID, format: 'md', file: join(folder, 'r "1" 🎉.md'), bytes: 11 },
  })
  expect((await readdir(folder)).sort()).toEqual(['r "1" 🎉.md', `sweep-${SWEEP_ID}.html`])
  expect((await run('--html', '-')).stdout).toBe('html of \u001b[31m')
})

test('a file that cannot be written, and two formats at once, are usage errors', async () => {
  const lost = await run('--html', 'no/such/folder.html')
  expect([lost.code, lost.stderr]).toEqual([2, expect.stringContaining("can't be written")])
  expect((await run('--html', '--md')).code).toBe(2)
})
