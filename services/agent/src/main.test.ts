import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTimeOf } from '@sweep/launchers/process/process-identity'
import { toLine } from '@sweep/launchers/process/spawner-messages'
import { HOME_TAG } from '@sweep/launchers/process/tagged-processes'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { BUSYBOX, containersWith, hasDocker, WITHOUT_DOCKER } from '../../../test/support/docker.ts'
import { FakeServer, type Known } from './fake-server.ts'
import { lockHome } from './home/home-lock.ts'
import { ENDS_WITH_STDIN } from './parent-pipe.ts'
import { bundleForTest } from './test-bundle.ts'

/** The agent and its reaper as processes of their own, as they are shipped. */
const isHere = hasDocker()
let dist: string
let home: string
let server: FakeServer
const children: ChildProcess[] = []

beforeAll(async () => {
  dist = await bundleForTest({ agent: './main.ts', reaper: './reaper.ts' })
})
afterAll(() => rmSync(dist, { recursive: true, force: true }))

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'sweep-agent-main-'))
  server = await FakeServer.start()
})
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child, 'SIGKILL')
  // Or it would leave exit codes in the folder while that is removed.
  for (const pid of reapers()) process.kill(pid, 'SIGKILL')
  await until(() => reapers().length === 0)
  await server.close()
  rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})

function agent(env: Record<string, string> = {}, output: 'pipe' | number = 'pipe'): ChildProcess {
  const child = spawn(process.execPath, [join(dist, 'agent.js')], {
    env: {
      PATH: process.env['PATH'] ?? '',
      SWEEP_URL: server.url,
      SWEEP_TOKEN: server.userToken,
      SWEEP_HOME: home,
      SWEEP_AGENT_NAME: 'main',
      SWEEP_SLOTS: '2',
      SWEEP_LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: [env[ENDS_WITH_STDIN] === undefined ? 'ignore' : 'pipe', output, 'pipe'],
  })
  children.push(child)
  return child
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.kill(signal)
  return gone
}

function until(condition: () => unknown, timeout = 20_000): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout, interval: 10 })
}

/** Starts two generations: the program, and a grandchild in a session of its own. */
async function startFamily(): Promise<{ known: Known; pids: number[] }> {
  const known = server.enqueue([
    'sh',
    '-c',
    'setsid sh -c \'echo $$ >"$SWEEP_RUN_DIR/child"; exec sleep 300\' & sleep 300',
  ])
  const child = join(home, 'agents', 'main', 'runs', known.assignment.attemptId, 'child')
  await until(() => known.started && existsSync(child) && readFileSync(child, 'utf8').endsWith('\n'))
  return { known, pids: [known.started?.pid ?? 0, Number(readFileSync(child, 'utf8'))] }
}

/** Those of this test. */
function reapers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => /reaper\.js/.test(commandLine(name)) && commandLine(name).includes(home))
    .map(Number)
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function livingOf(pids: readonly number[]): number[] {
  return pids.filter((pid) => startTimeOf(pid) !== null)
}

test('after kill -9 of the agent nothing of its programs is left when their lease runs out', async () => {
  server.leaseMs = 1500
  const process = agent()
  const { pids } = await startFamily()
  expect(livingOf(pids)).toEqual(pids)
  await kill(process, 'SIGKILL')
  const began = performance.now()
  await until(() => livingOf(pids).length === 0)
  expect(performance.now() - began).toBeLessThan(server.leaseMs + 3000)
})

test.skipIf(!isHere)(`${isHere ? '' : `${WITHOUT_DOCKER}: `}nor is anything of its containers`, async () => {
  server.leaseMs = 3000
  const process = agent({ SWEEP_LAUNCHERS: 'docker' })
  const container = { image: BUSYBOX, pull: 'never', mounts: [], network: 'none' } as const
  const known = server.enqueue(['sleep', '300'], { launcher: 'docker', container: { ...container, mounts: [] } })
  await until(() => known.started)
  const label = `sweep.attempt-id=${known.assignment.attemptId}`
  expect(containersWith(label)).toHaveLength(1)
  await kill(process, 'SIGKILL')
  await until(() => containersWith(label).length === 0)
})

test.each([
  ['the agent itself, not quite dead yet', 'own', false],
  ['a successor', 'other', true],
])('a reaper whose home is locked by %s does what it should', async (_who, nonce, lives) => {
  const lock = lockHome(home, nonce)
  const program = spawn('sleep', ['300'], { env: { PATH: process.env['PATH'], [HOME_TAG]: home } })
  const reaper = spawn(process.execPath, [join(dist, 'reaper.js'), home, 'own'])
  children.push(program, reaper)
  const gone = new Promise((resolve) => reaper.once('exit', resolve))
  reaper.stdin?.end(toLine({ kind: 'lease', ms: 1 }))
  await gone
  expect(startTimeOf(program.pid ?? 0) !== null).toBe(lives)
  lock?.release()
})

test('an agent that is back before the lease runs out takes its programs over, and the reaper lets them be', async () => {
  server.leaseMs = 4000
  const first = agent()
  const { known, pids } = await startFamily()
  await kill(first, 'SIGKILL')
  agent()
  const beats = server.heartbeats.length
  await until(() => server.heartbeats.slice(beats).some((beat) => beat.attempts.length === 1))
  const later = performance.now() + server.leaseMs + 1000
  await until(() => performance.now() > later)
  expect(livingOf(pids)).toEqual(pids)
  server.stop(known, 'cancelled')
  await until(() => known.ended)
  expect(known.ended).toMatchObject({ cause: 'cancelled', signal: 'SIGTERM' })
  expect(livingOf(pids)).toEqual([])
})

test('an agent that is back after its program has ended learns how', async () => {
  server.leaseMs = 20_000
  const first = agent()
  const known = server.enqueue(['sh', '-c', 'touch begun; while [ ! -e go ]; do sleep 0.01; done; exit 42'], {
    workdir: home,
  })
  await until(() => known.started && existsSync(join(home, 'begun')))
  await kill(first, 'SIGKILL')
  writeFileSync(join(home, 'go'), '')
  const pid = known.started?.pid ?? 0
  await until(() => livingOf([pid]).length === 0)
  agent()
  await until(() => known.ended)
  expect(known.ended).toMatchObject({ exitCode: 42 })
})

test('the child of a server ends with it, its programs run on, and the reaper sees to them', async () => {
  server.leaseMs = 1500
  const process = agent({ [ENDS_WITH_STDIN]: '1' })
  const { pids } = await startFamily()
  const gone = new Promise((resolve) => process.once('exit', resolve))
  // As when the server is killed: the kernel closes its end of the pipe.
  process.stdin?.destroy()
  await gone
  expect(livingOf(pids)).toEqual(pids)
  await until(() => livingOf(pids).length === 0)
})

test('SIGTERM preempts what runs and ends the process with 0; nothing is left, the reaper neither', async () => {
  const process = agent()
  const { known, pids } = await startFamily()
  expect(await kill(process, 'SIGTERM')).toBe(0)
  expect(known.ended).toMatchObject({ cause: 'preempted' })
  expect(livingOf(pids)).toEqual([])
})

test('a second SIGTERM kills a program that ignores the first', async () => {
  const process = agent()
  const known = server.enqueue(['sh', '-c', 'trap "" TERM; echo val_loss=1; while :; do sleep 0.05; done'], {
    graceMs: 25_000,
  })
  await until(() => known.points.output.length > 0)
  process.kill('SIGTERM')
  await until(() => server.heartbeats.at(-1)?.draining)
  const began = performance.now()
  expect(await kill(process, 'SIGTERM')).toBe(0)
  expect(performance.now() - began).toBeLessThan(10_000)
  expect(known.ended).toMatchObject({ cause: 'preempted', signal: 'SIGKILL' })
})

test.skipIf(!existsSync('/dev/full'))('a log that can not be written does not keep it from its work', async () => {
  const process = agent({ SWEEP_LOG_LEVEL: 'debug' }, openSync('/dev/full', 'w'))
  for (let round = 0; round < 3; round += 1) {
    const known = server.enqueue(['true'])
    await until(() => known.ended)
  }
  expect(await kill(process, 'SIGTERM')).toBe(0)
})

test.each([
  [{ SWEEP_URL: '' }, 2, 'SWEEP_URL is not set'],
  [{ SWEEP_SLOTS: 'many' }, 2, 'SWEEP_SLOTS is "many"'],
  [{ SWEEP_TOKEN: 'swp_user_wrong' }, 4, 'wrong token'],
  [{ SWEEP_HOME: '/proc/nowhere' }, 2, "can't be written to"],
])('bad settings end it with a message and a code of their own: %j', async (env, code, says) => {
  const process = agent(env)
  let text = ''
  process.stderr?.on('data', (chunk) => {
    text += chunk
  })
  const closed = new Promise((resolve) => process.once('close', resolve))
  await closed
  expect(text).toContain(says)
  expect(process.exitCode).toBe(code)
})
