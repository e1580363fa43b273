import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpClient } from '@sweep/agent/server/http-client'
import { ServerApi } from '@sweep/agent/server/server-api'
import { WorkSources } from '@sweep/agent/work/work-sources'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import { ticketsFor } from '@sweep/queue/ticket-queue'
import { SweepId } from '@sweep/spec/ids'
import { SweepCreated } from '@sweep/spec/wire/api'
import { startCluster } from '@sweep/standalone/postgres/cluster'
import { openDatabase } from '@sweep/store/database'
import { notify } from '@sweep/store/listen'
import { acquireSweeps } from '@sweep/store/ownership'
import { createTrials } from '@sweep/store/trials'
import pino from 'pino'
import { freePort, TestRedis } from '../support/redis.ts'
import { DIST, waitFor } from '../support/server.ts'
import { type Check, figure, quantile } from './check.ts'

const AGENTS = 200
const IDLE_MS = 30_000
const TRIALS = 200
const WAIT_MS = 10_000
const SLOTS = [{ index: 0 }]
const CAPACITY = { cpus: 4, memoryBytes: 8e9 }
const OFFER = { room: { ...CAPACITY, slots: 1, gpuSlots: 0, free: [0] }, max: 1 }
const SWEEP = 'method: random\nparameters: {x: {min: 0.0, max: 1.0}}\ncommand: [train]\n'

/** Two ways for agents to wait for work: what idle ones cost the server, and how soon one has a trial that comes. */
export async function claims(): Promise<Check[]> {
  return [...(await measure('http', 'over HTTP')), ...(await measure('auto', 'from the queue'))]
}

async function measure(claim: 'auto' | 'http', name: string): Promise<Check[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-claims-'))
  await chmod(folder, 0o755)
  const cluster = await startCluster({ folder: join(folder, 'postgres') })
  const redis = await TestRedis.start({ appendOnly: false })
  const token = `swp_user_${randomBytes(24).toString('hex')}`
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    ...{ PATH: process.env['PATH'], DATABASE_URL: cluster.url, REDIS_URL: redis.url },
    ...{ SWEEP_AGENT_REDIS_URL: redis.url, SWEEP_TOKEN: token, SWEEP_PORT: String(port), SWEEP_LOG_LEVEL: 'warn' },
  }
  const api = spawn(process.execPath, [join(DIST, 'api.js')], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const agents: WaitingAgent[] = []
  try {
    await waitFor(async () => (await fetch(`${url}/api/v1/health`).catch(() => undefined))?.ok === true)
    for (let index = 0; index < AGENTS; index += 1) {
      const agent = new WaitingAgent(url, claim)
      agents.push(agent)
      await agent.start(`agent-${index}`, token)
    }
    await sleep(WAIT_MS)
    const read = () => ({
      ...{ api: cpuSeconds(api.pid ?? 0), redis: cpuSeconds(redis.pid) },
      requests: agents.reduce((sum, agent) => sum + agent.requests, 0),
    })
    const before = read()
    await sleep(IDLE_MS)
    const after = read()
    const perSecond = (key: keyof typeof after) => ((after[key] - before[key]) * 1000) / IDLE_MS
    const latencies = await issue(url, token, { databaseUrl: cluster.url, redisUrl: redis.url }, agents)
    return [
      figure(`${name}: requests of ${AGENTS} idle agents for work`, perSecond('requests'), '/s'),
      figure(`${name}: CPU of the api meanwhile`, 100 * perSecond('api'), '%'),
      figure(`${name}: CPU of Redis meanwhile`, 100 * perSecond('redis'), '%'),
      figure(`${name}: ticket added to claim answered, median of ${TRIALS}`, quantile(latencies, 0.5), 'ms'),
      figure(`${name}: ticket added to claim answered, p95`, quantile(latencies, 0.95), 'ms'),
    ]
  } finally {
    for (const agent of agents) agent.close()
    const gone = new Promise((resolve) => api.once('exit', resolve))
    api.kill('SIGKILL')
    await gone
    await redis.remove()
    await cluster.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** One trial after another, as a controller adds them; milliseconds until an agent had it. */
async function issue(
  url: string,
  token: string,
  { databaseUrl, redisUrl }: { databaseUrl: string; redisUrl: string },
  agents: readonly WaitingAgent[],
): Promise<number[]> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ source: SWEEP, workdir: '/tmp' })
  const created = await fetch(`${url}/api/v1/sweeps`, { method: 'POST', headers, body })
  const sweepId = SweepId.parse(SweepCreated.parse(await created.json()).sweep.id)
  const database = openDatabase({ url: databaseUrl, max: 2, applicationName: 'bench', onError: () => undefined })
  const queue = openTicketQueue({ redisUrl })
  const latencies: number[] = []
  try {
    const owned = await acquireSweeps(database, 'bench', 600_000)
    const ownerEpoch = owned.find(({ id }) => id === sweepId)?.ownerEpoch ?? 0
    for (let draw = 1; draw <= TRIALS; draw += 1) {
      const trials = [{ config: { x: draw / TRIALS }, source: 'sampler' as const, reason: 'bench', draw }]
      const { created } = await createTrials(database, { sweepId, ownerEpoch, basis: 1, trials })
      const had = Promise.race(agents.map((agent) => agent.next()))
      const addedAt = performance.now()
      await queue.add(ticketsFor(created))
      await notify(database, 'attempts_queued', [...new Set(created.map(({ queueName }) => queueName))])
      latencies.push((await had) - addedAt)
    }
  } finally {
    await queue.close()
    await database.close()
  }
  return latencies
}

/** One that asks for work again and again, and does none. */
class WaitingAgent {
  requests = 0
  readonly #http: HttpClient
  readonly #api: ServerApi
  readonly #claim: 'auto' | 'http'
  readonly #closed = new AbortController()
  #sources: WorkSources | undefined
  #onHad: (at: number) => void = () => undefined

  constructor(url: string, claim: 'auto' | 'http') {
    this.#http = new HttpClient(url, undefined)
    const { post } = this.#http
    this.#http.post = (...args) => {
      this.requests += 1
      return post.apply(this.#http, args) as ReturnType<typeof post<never>>
    }
    this.#api = new ServerApi(this.#http)
    this.#claim = claim
  }

  async start(name: string, token: string): Promise<void> {
    const about = { ...CAPACITY, name, host: 'host', slots: SLOTS, queues: ['default'], launchers: ['process'] }
    await this.#api.register({ ...about, version: '0' }, token, this.#closed.signal)
    const log = pino({ level: 'silent' })
    const steady = () => performance.now()
    const how = { claim: this.#claim, owner: name, slots: SLOTS, steady, onCondition: () => undefined }
    this.#sources = new WorkSources({ api: this.#api, ...how, log })
    await this.#sources.open()
    void this.#ask(this.#sources)
  }

  /** When it has work next. */
  next(): Promise<number> {
    return new Promise((resolve) => {
      this.#onHad = resolve
    })
  }

  close(): void {
    this.#closed.abort()
    this.#sources?.close()
    this.#http.close()
  }

  async #ask(sources: WorkSources): Promise<void> {
    const { signal } = this.#closed
    while (!signal.aborted) {
      const assignments = await sources.claim(OFFER, WAIT_MS, signal).catch(() => [])
      if (assignments.length > 0) this.#onHad(performance.now())
    }
  }
}

/** Of one process, by fields 14 and 15 of proc(5) in ticks of a hundredth of a second. */
function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
