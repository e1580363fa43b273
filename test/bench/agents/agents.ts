import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startCluster } from '@sweep/standalone/postgres/cluster'
import { freePort, hasRedis, TestRedis } from '../../support/redis.ts'
import { DIST, waitFor } from '../../support/server.ts'
import { atLeast, atMost, type Check, figure, quantile } from '../check.ts'
import { printTable } from '../table.ts'
import { FlushProbe } from './flush-probe.ts'
import type { Measured } from './simulated-agent.ts'

const SIMULATOR = fileURLToPath(new URL('simulator.js', import.meta.url))
/** Trials that run at once; a tenth as many agents run ten each. */
const SIZES = [100, 1000, 10_000]
const SLOTS = 10
const SIMULATORS = 2
const MEASURE_MS = 60_000

interface Round extends Measured {
  readonly trials: number
  readonly rampSeconds: number
  readonly cpuShare: Readonly<Record<string, number>>
  readonly memoryMb: Readonly<Record<string, number>>
  /** Milliseconds that a flush of the same disk took meanwhile, each. */
  readonly flushes: readonly number[]
}

/** Rejected by a signal to end, so that what was started ends first. */
const brokenOff = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => reject(new Error(`broken off by ${signal}`)))
})
brokenOff.catch(() => undefined)

/** One api, one controller, one Postgres and up to 1,000 agents with 10,000 trials, all on this machine. */
export async function agents(options: readonly string[]): Promise<Check[]> {
  const sizes = options.includes('--quick') ? SIZES.slice(0, 2) : SIZES
  const rounds: Round[] = []
  for (const size of sizes) rounds.push(await measure(size))
  printTable(
    ['Running trials', ...sizes.map(String)],
    [
      row('agents', rounds, ({ trials }) => trials / SLOTS, ''),
      row('until all run', rounds, (round) => round.rampSeconds, 's'),
      row('reports a second', rounds, (round) => (round.reports.length * 1000) / MEASURE_MS, ''),
      row('report answered, median', rounds, (round) => quantile(round.reports, 0.5), 'ms'),
      row('report answered, p99', rounds, (round) => quantile(round.reports, 0.99), 'ms'),
      row('report to decision, median', rounds, (round) => quantile(round.decisions, 0.5), 'ms'),
      row('report to decision, p99', rounds, (round) => quantile(round.decisions, 0.99), 'ms'),
      row('claim answered, median', rounds, (round) => quantile(round.claims, 0.5), 'ms'),
      row('claim answered, p99', rounds, (round) => quantile(round.claims, 0.99), 'ms'),
      row('flush of the disk, median', rounds, (round) => quantile(round.flushes, 0.5), 'ms'),
      row('flush of the disk, p99', rounds, (round) => quantile(round.flushes, 0.99), 'ms'),
      row('flush of the disk, longest', rounds, (round) => Math.max(...round.flushes), 'ms'),
      ...['api', 'controller', 'postgres', 'simulators'].map((name) =>
        row(`CPU of ${name}`, rounds, (round) => 100 * (round.cpuShare[name] ?? 0), '%'),
      ),
      ...['api', 'controller'].map((name) =>
        row(`memory of ${name}`, rounds, (round) => round.memoryMb[name] ?? 0, 'MB'),
      ),
    ],
  )
  return rounds.flatMap((round) => {
    const of = `${round.trials} trials: `
    return [
      figure(`${of}flush of the disk, p99`, quantile(round.flushes, 0.99), 'ms'),
      figure(`${of}flush of the disk, longest`, Math.max(...round.flushes), 'ms'),
      atLeast(`${of}decisions measured`, round.decisions.length, '', 20),
      atMost(`${of}report to decision, p99`, quantile(round.decisions, 0.99), 'ms', 500),
      figure(`${of}claims measured`, round.claims.length, ''),
      atMost(`${of}claim answered, p99`, quantile(round.claims, 0.99), 'ms', 1000),
      atMost(`${of}leases lost`, round.fenced, '', 0),
      atMost(`${of}requests failed`, round.errors, '', 0),
      ...Object.entries(round.memoryMb).map(([name, mb]) => atMost(`${of}memory of ${name}`, mb, 'MB', 1000)),
    ]
  })
}

async function measure(trials: number): Promise<Round> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-agents-'))
  await chmod(folder, 0o755)
  const cluster = await startCluster({ folder: join(folder, 'postgres') })
  const redis = hasRedis() ? await TestRedis.start() : undefined
  const token = `swp_user_${randomBytes(24).toString('hex')}`
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    PATH: process.env['PATH'],
    DATABASE_URL: cluster.url,
    SWEEP_TOKEN: token,
    SWEEP_PORT: String(port),
    SWEEP_LOG_LEVEL: 'warn',
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
  }
  const service = (name: string) =>
    spawn(process.execPath, [join(DIST, `${name}.js`)], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const api = service('api')
  const controller = service('controller')
  const simulators: Simulator[] = []
  const probe = await FlushProbe.start(folder)
  const work = async (): Promise<Round> => {
    await waitFor(async () => (await fetch(`${url}/api/v1/health`).catch(() => undefined))?.ok === true)
    await createSweep(url, token, trials)
    const startedAt = performance.now()
    const each = trials / SLOTS / SIMULATORS
    for (let index = 0; index < SIMULATORS; index += 1) {
      const args = [each, SLOTS, index * each, reportsADecision(trials)].map(String)
      simulators.push(new Simulator([url, token, ...args]))
    }
    await Promise.all(simulators.map((simulator) => simulator.ready))
    await waitFor(async () => (await gather(simulators)).running >= 0.98 * trials, 600_000)
    const rampSeconds = (performance.now() - startedAt) / 1000
    await sleep(10_000)
    await gather(simulators)
    probe.take()
    const pids = {
      api: [api.pid ?? 0],
      controller: [controller.pid ?? 0],
      postgres: await processesOf(join(folder, 'postgres')),
      simulators: simulators.map(({ pid }) => pid),
    }
    const before = await cpuSeconds(pids)
    await sleep(MEASURE_MS)
    const after = await cpuSeconds(pids)
    const measured = await gather(simulators)
    const flushes = probe.take()
    const cpuShare = Object.fromEntries(
      Object.keys(pids).map((name) => [name, (((after[name] ?? 0) - (before[name] ?? 0)) * 1000) / MEASURE_MS]),
    )
    const memoryMb = { api: await residentMb(api), controller: await residentMb(controller) }
    return { ...measured, trials, rampSeconds, cpuShare, memoryMb, flushes }
  }
  try {
    return await Promise.race([work(), brokenOff])
  } finally {
    for (const simulator of simulators) simulator.kill()
    await Promise.all([ended(api), ended(controller)])
    await probe.close()
    await redis?.remove()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** One report in so many gets its trial pruned; few trials are pruned more often, or there would be nothing to measure. */
function reportsADecision(trials: number): number {
  return trials < 1000 ? 10 : 100
}

/** One whose trials never end by themselves; some reports have a loss that gets their trial pruned. */
async function createSweep(url: string, token: string, trials: number): Promise<void> {
  const source = `
method: random
metric: {name: loss, goal: minimize}
parameters:
  x: {min: 0.0, max: 1.0}
command: [train]
early_terminate: {type: threshold, upper: 10}
budget: {trials: ${trials * 10}}
`
  const response = await fetch(`${url}/api/v1/sweeps`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ source, workdir: '/tmp' }),
  })
  if (!response.ok) throw new Error(await response.text())
}

class Simulator {
  readonly ready: Promise<void>
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(args: readonly string[]) {
    const child = spawn(process.execPath, [SIMULATOR, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    this.ready = this.#lines.next().then(() => undefined)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async ask(): Promise<Measured & { running: number }> {
    this.#child.stdin?.write('\n')
    return JSON.parse((await this.#lines.next()).value ?? '{}')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

async function gather(simulators: readonly Simulator[]): Promise<Measured & { running: number }> {
  const all = await Promise.all(simulators.map((simulator) => simulator.ask()))
  const sum = (pick: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + pick(one), 0)
  return {
    claims: all.flatMap((one) => one.claims),
    decisions: all.flatMap((one) => one.decisions),
    reports: all.flatMap((one) => one.reports),
    fenced: sum((one) => one.fenced),
    errors: sum((one) => one.errors),
    running: sum((one) => one.running),
  }
}

function row(name: string, rounds: readonly Round[], pick: (round: Round) => number, unit: string): string[] {
  return [name, ...rounds.map((round) => `${Number(pick(round).toPrecision(3))} ${unit}`.trim())]
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

/** Of Postgres: the server of a folder, and all its children. */
async function processesOf(folder: string): Promise<number[]> {
  const main = Number((await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0])
  return [main]
}

/** CPU time used so far, by name; that of children which live counts for Postgres, whose work they do. */
async function cpuSeconds(pids: Readonly<Record<string, readonly number[]>>): Promise<Record<string, number>> {
  const stats = await allStats()
  const of = (pid: number): number => {
    const own = stats.get(pid)?.seconds ?? 0
    const children = [...stats].filter(([, stat]) => stat.parent === pid)
    return own + children.reduce((total, [child]) => total + of(child), 0)
  }
  return Object.fromEntries(
    Object.entries(pids).map(([name, list]) => [name, list.reduce((total, pid) => total + of(pid), 0)]),
  )
}

async function allStats(): Promise<Map<number, { parent: number; seconds: number }>> {
  const found = new Map<number, { parent: number; seconds: number }>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // Fields 14 to 17 of proc(5), in ticks of a hundredth of a second; those of children that ended included.
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
    found.set(Number(name), { parent: Number(fields[1]), seconds: ticks / 100 })
  }
  return found
}

async function residentMb(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
}
