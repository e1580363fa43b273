import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTicketQueue } from '@sweep/queue/bullmq-ticket-queue'
import { type TicketQueue, ticketsFor } from '@sweep/queue/ticket-queue'
import { type AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import { AgentRegistered, type RegisterAgent } from '@sweep/spec/wire/agent-protocol'
import { SweepCreated } from '@sweep/spec/wire/api'
import { queuedWithoutTicket } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { notify } from '@sweep/store/listen'
import { acquireSweeps } from '@sweep/store/ownership'
import { createToken } from '@sweep/store/tokens'
import { createTrials } from '@sweep/store/trials'
import type { InjectOptions } from 'fastify'
import pino from 'pino'
import { testDatabase } from '../../../../test/support/postgres.ts'
import type { ApiSettings } from '../settings.ts'
import { type RunningApi, startApi } from '../start-api.ts'

export const SETTINGS: ApiSettings = {
  host: '127.0.0.1',
  port: 0,
  allowedHosts: [],
  anonymousRead: 'never',
  anonymousMlflow: 'never',
  heartbeatMs: 5000,
  leaseMs: 30_000,
  requestTimeoutMs: 30_000,
  version: '1.2.3',
  objects: {
    // Nowhere; `testApi` has a folder of its own.
    place: { kind: 'folder', folder: '/dev/null/objects', isDefault: true },
    quotaBytes: undefined,
    bestKept: 5,
    checkpoints: 'auto',
  },
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  /** The parsed body. */
  readonly body: unknown
}

export interface CallOptions {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** A real api over a real Postgres and a real queue, with a token of each role. */
export interface TestApi {
  readonly api: RunningApi
  readonly database: Database
  readonly queue: TicketQueue
  readonly tokens: Readonly<Record<'viewer' | 'operator' | 'admin' | 'join', string>>
  call(method: NonNullable<InjectOptions['method']>, path: string, options?: CallOptions): Promise<Reply>
  close(): Promise<void>
}

/** @param redisUrl where tickets go; into its own database when absent */
export async function testApi(settings: Partial<ApiSettings> = {}, redisUrl?: string): Promise<TestApi> {
  const own = await testDatabase()
  const { database } = own
  const queue = openTicketQueue(redisUrl === undefined ? { databaseUrl: own.url } : { redisUrl })
  const token = async (role: 'viewer' | 'operator' | 'admin') =>
    (await createToken(database, randomBytes, { kind: 'user', name: role, role })).text
  const tokens = {
    viewer: await token('viewer'),
    operator: await token('operator'),
    admin: await token('admin'),
    join: (await createToken(database, randomBytes, { kind: 'join', name: 'join' })).text,
  }
  const log = pino({ level: process.env['SWEEP_TEST_LOG'] ?? 'silent' })
  const clock = { now: () => performance.timeOrigin + performance.now() }
  const folder = await mkdtemp(join(tmpdir(), 'sweep-test-objects-'))
  const objects = { ...SETTINGS.objects, place: { kind: 'folder', folder } as const }
  const api = await startApi({ ...SETTINGS, objects, ...settings }, { database, queue, clock, randomBytes, log })
  return {
    api,
    database,
    queue,
    tokens,
    async call(method, path, { token, body, headers } = {}) {
      const response = await api.app.inject({
        method,
        url: path.startsWith('/api/') || path === '/' || path.startsWith('/static') ? path : `/api/v1${path}`,
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      })
      const isJson = String(response.headers['content-type']).startsWith('application/json')
      return {
        status: response.statusCode,
        headers: response.headers,
        text: response.body,
        body: isJson ? JSON.parse(response.body) : undefined,
      }
    },
    async close() {
      await api.close()
      await queue.close()
      await own.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export const SWEEP_YAML = `
name: test
method: random
metric: {name: loss, goal: minimize}
parameters:
  lr: {min: 0.0, max: 1.0}
  optimizer: {values: [sgd, adam]}
command: [python3, train.py]
`

export async function createTestSweep(test: TestApi, source = SWEEP_YAML): Promise<SweepId> {
  const body = { source, workdir: '/tmp' }
  const reply = await test.call('POST', '/sweeps', { token: test.tokens.operator, body })
  if (reply.status !== 201) throw new Error(reply.text)
  return SweepId.parse(SweepCreated.parse(reply.body).sweep.id)
}

/** What a controller does: owns the sweep, issues configs and makes their tickets. */
export class TestController {
  readonly #test: TestApi
  readonly #epochs = new Map<SweepId, number>()
  #configs = 0

  constructor(test: TestApi) {
    this.#test = test
  }

  async issue(sweepId: SweepId, count: number): Promise<AttemptId[]> {
    const { database, queue } = this.#test
    if (!this.#epochs.has(sweepId)) {
      for (const { id, ownerEpoch } of await acquireSweeps(database, 'test-controller', 600_000)) {
        this.#epochs.set(id, ownerEpoch)
      }
    }
    const trials = Array.from({ length: count }, () => {
      this.#configs += 1
      const config = { lr: this.#configs / 1e6, optimizer: 'sgd' }
      return { config, source: 'sampler' as const, reason: 'test', draw: this.#configs }
    })
    const ownerEpoch = this.#epochs.get(sweepId) ?? 0
    const { created } = await createTrials(database, { sweepId, ownerEpoch, basis: 1, trials })
    await queue.add(ticketsFor(created))
    await notify(database, 'attempts_queued', [...new Set(created.map(({ queueName }) => queueName))])
    return created.map(({ attemptId }) => AttemptId.parse(attemptId))
  }

  /** Makes tickets of attempts that have none, such as those that follow one that was lost. */
  async reconcile(): Promise<void> {
    const { database, queue } = this.#test
    const waiting = await queuedWithoutTicket(database, 0)
    await queue.add(ticketsFor(waiting))
    await notify(database, 'attempts_queued', [...new Set(waiting.map(({ queueName }) => queueName))])
  }
}

export interface TestAgent {
  readonly id: AgentId
  readonly token: string
}

export async function registerTestAgent(test: TestApi, changes: Partial<RegisterAgent> = {}): Promise<TestAgent> {
  const body = {
    name: 'agent',
    host: 'host',
    slots: [{ index: 0 }, { index: 1 }],
    cpus: 4,
    memoryBytes: 8_000_000_000,
    queues: ['default'],
    launchers: ['process'],
    version: '1.2.3',
    ...changes,
  }
  const reply = await test.call('POST', '/agents', { token: test.tokens.join, body })
  if (reply.status !== 200) throw new Error(reply.text)
  const { agentId, token } = AgentRegistered.parse(reply.body)
  return { id: agentId, token }
}

export const ROOM = { slots: 2, gpuSlots: 0, cpus: 4, memoryBytes: 8_000_000_000 }

interface Claimed {
  readonly attemptId: string
  readonly epoch: number
  readonly trial: number
}

/** An agent claims that many attempts, all at once, and says this of each. */
export async function claimAndReport(
  test: TestApi,
  count: number,
  reportOf: (claimed: Claimed) => Readonly<Record<string, unknown>>,
): Promise<void> {
  const { id, token } = await registerTestAgent(test)
  const body = { room: { ...ROOM, slots: count }, max: count, waitMs: 10_000 }
  const claimed = await test.call('POST', `/agents/${id}/claim`, { token, body })
  const { assignments } = claimed.body as { assignments: Claimed[] }
  const attempts = assignments.map(({ attemptId, epoch, trial }) => ({
    ...{ attemptId, epoch },
    ...reportOf({ attemptId, epoch, trial }),
  }))
  const reply = await test.call('POST', `/agents/${id}/reports`, { token, body: { attempts } })
  if (reply.status !== 200 || attempts.length !== count) throw new Error(reply.text)
}

/** Waits until `check` gives something; the test's own time limit ends the wait. */
export async function until<T>(check: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await check()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
