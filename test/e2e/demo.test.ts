import { execFileSync, spawn } from 'node:child_process'
import { chmod, chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { DIST, waitFor } from '../support/server.ts'
import { trialProcesses } from '../support/sweeps.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** An ordinary user of this machine, to run as when the tests run as root. */
function ordinaryUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const [uid, gid] = execFileSync('sh', ['-c', 'id -u nobody; id -g nobody'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map(Number)
  return { uid: uid ?? 65534, gid: gid ?? 65534 }
}

async function freshHome(user?: { uid: number; gid: number }): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'sweep-demo-'))
  await chmod(home, 0o755)
  if (user) await chown(home, user.uid, user.gid)
  cleanups.push(() => rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }))
  return home
}

interface Demo {
  readonly done: Promise<{ status: number | null; stdout: string; stderr: string }>
  readonly output: () => string
}

function startDemo(home: string, user?: { uid: number; gid: number }): Demo {
  const child = spawn(process.execPath, [join(DIST, 'sweep.js'), 'demo'], {
    ...user,
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: home, SWEEP_HOME: join(home, 'sweep'), SWEEP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const done = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (status) => resolve({ status, stdout, stderr })),
  )
  return { done, output: () => stdout + stderr }
}

/** Whatever still runs out of a home: trials, server, agent, reaper, Postgres. */
async function leftovers(home: string): Promise<string[]> {
  const found = await trialProcesses(home)
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (command.includes(home) || environment.includes(`SWEEP_HOME=${home}`))
      found.push(`${pid} ${command.replaceAll('\0', ' ')}`)
  }
  return found
}

function expectGoodDemo(result: { status: number | null; stdout: string; stderr: string }): void {
  const text = result.stdout + result.stderr
  expect(result.status, text).toBe(0)
  const ends = [...text.matchAll(/^trial \d+ (completed|pruned)/gm)].map(([, state]) => state)
  expect(ends, text).toHaveLength(30)
  expect(ends.filter((state) => state === 'pruned').length, text).toBeGreaterThanOrEqual(10)
  const best = Math.max(...[...text.matchAll(/0\.9\d+/g)].map(([value]) => Number(value)))
  expect(best, text).toBeGreaterThanOrEqual(0.96)
  expect(text).toMatch(/http:\/\/127\.0\.0\.1:\d+/)
  expect(text).toMatch(/train\.py .*--learning_rate=|train\.py .*--lr=/)
}

test('the demo trains 30 trials, prunes a third, reaches 0.96 and leaves nothing running', async () => {
  const home = await freshHome()
  expectGoodDemo(await startDemo(home).done)
  await waitFor(async () => (await leftovers(home)).length === 0, 15_000)
}, 280_000)

test.skipIf(process.getuid?.() !== 0)(
  'the demo does the same for an ordinary user (runs only as root, which can become one)',
  async () => {
    const user = ordinaryUser()
    const home = await freshHome(user)
    expectGoodDemo(await startDemo(home, user).done)
    await waitFor(async () => (await leftovers(home)).length === 0, 15_000)
  },
  280_000,
)
