import type { ImportanceMethod } from '@sweep/spec/importance-methods'
import type { SweepEvent } from '@sweep/spec/sweep-state'
import type { TrialState } from '@sweep/spec/trial'
import type {
  AgentList,
  AgentQueueCheck,
  AgentView,
  ArtifactList,
  ChangeSweep,
  CreateSweep,
  CreateToken,
  EnqueueTrial,
  FactPage,
  Health,
  Leaderboard,
  LogPage,
  MetricsReply,
  SweepCreated,
  SweepDetail,
  SweepEventData,
  SweepList,
  SweepValidated,
  SweepView,
  TokenCreated,
  TokenList,
  TrialDetail,
  TrialEnvironment,
  TrialList,
  TrialView,
  ValidateSweep,
  WhoAmI,
} from '@sweep/spec/wire/api'
import type { ConfigBoard, Confirmation, ConfirmSweep } from '@sweep/spec/wire/confirmation'
import type { HealthReply } from '@sweep/spec/wire/health'
import type { ImportanceReply } from '@sweep/spec/wire/importance'
import {
  decodeHealth,
  decodeLeaderboard,
  decodeMetrics,
  decodeSweep,
  decodeSweepDetail,
  decodeSweepList,
  decodeTrial,
  decodeTrialDetail,
  decodeTrialList,
} from './decode.ts'
import { Http, type HttpOptions } from './http.ts'
import { createModels, type Models } from './models.ts'
import { createProjects, type Projects } from './projects.ts'
import { createRunSearches, type RunSearches } from './run-search.ts'
import { createTracking, type Tracking } from './tracking.ts'
import { type WatchOptions, watchEvents } from './watch-events.ts'
import { createWebhooks, type Webhooks } from './webhooks.ts'

export interface PageOptions {
  readonly limit?: number | undefined
  /** `next` of the page before. */
  readonly after?: string | undefined
}

export interface TrialPageOptions extends PageOptions {
  readonly states?: readonly TrialState[] | undefined
}

export interface ImportanceOptions {
  /** Name of an objective. */
  readonly metric?: string | undefined
  readonly method?: ImportanceMethod | undefined
}

export interface LogOptions {
  /** Number of the attempt; the newest when absent. */
  readonly attempt?: number | undefined
  /** `next` of the page before. */
  readonly after?: number | undefined
  /** How long the server may wait for output to come, at most 30,000 ms. */
  readonly waitMs?: number | undefined
}

export type ReportFormat = 'html' | 'md'
export type SweepAction = Exclude<SweepEvent, 'end'>
export type TrialAction = 'stop' | 'prune' | 'cancel' | 'retry'

/** Every method throws a `SweepError` with the server's code, or `unreachable` when no server answers. */
export interface Client {
  readonly url: string
  health(signal?: AbortSignal): Promise<Health>
  whoami(): Promise<WhoAmI>
  validateSweep(body: ValidateSweep): Promise<SweepValidated>
  createSweep(body: CreateSweep): Promise<SweepCreated>
  /** Newest first. `name` keeps those of exactly that name. */
  listSweeps(options?: PageOptions & { name?: string }): Promise<SweepList>
  getSweep(sweepId: string): Promise<SweepDetail>
  controlSweep(sweepId: string, action: SweepAction): Promise<SweepView>
  changeSweep(sweepId: string, changes: ChangeSweep): Promise<SweepView>
  /** Best first; trials without a finite value last. */
  leaderboard(sweepId: string, options?: TrialPageOptions): Promise<Leaderboard>
  /** How much each parameter matters for an objective, the first one unless it is named. */
  importance(sweepId: string, options?: ImportanceOptions): Promise<ImportanceReply>
  /** Runs the best configs again with fresh seeds, in a sweep of their own. */
  confirmSweep(sweepId: string, body?: ConfirmSweep): Promise<SweepCreated>
  /** What the runs of such a sweep say of the recorded winner, so far. */
  confirmation(sweepId: string): Promise<Confirmation>
  /** The configs of a sweep by the mean of their runs, the best first. */
  configs(sweepId: string, limit?: number): Promise<ConfigBoard>
  /** Everything the sweep has come to, as one self-contained page or as Markdown. */
  report(sweepId: string, format: ReportFormat): Promise<string>
  /** What the metrics of its trials show to be wrong, by trial; with `cleared` also what holds no more. */
  sweepHealth(sweepId: string, options?: { cleared?: boolean }): Promise<HealthReply>
  /** By number. */
  listTrials(sweepId: string, options?: TrialPageOptions): Promise<TrialList>
  enqueueTrial(sweepId: string, body: EnqueueTrial): Promise<TrialView>
  getTrial(sweepId: string, trial: number): Promise<TrialDetail>
  controlTrial(sweepId: string, trial: number, action: TrialAction): Promise<TrialView>
  /** Series of the named metrics, or of all; each thinned to at most `maxPoints`. */
  trialMetrics(
    sweepId: string,
    trial: number,
    options?: { names?: readonly string[]; attempt?: number; maxPoints?: number },
  ): Promise<MetricsReply>
  /** Where the newest attempt ran, or the one with this number, with the diff of its code and its packages if known. */
  trialEnvironment(sweepId: string, trial: number, attempt?: number): Promise<TrialEnvironment>
  trialLog(sweepId: string, trial: number, options?: LogOptions, signal?: AbortSignal): Promise<LogPage>
  /** The output as it comes, until the attempt is over. */
  followLog(sweepId: string, trial: number, options?: LogOptions & { signal?: AbortSignal }): AsyncGenerator<LogPage>
  listFacts(sweepId: string, options?: { after?: number; limit?: number }): Promise<FactPage>
  /** Facts after `after` and then live ones, with the sweep's state in between; reconnects by itself. */
  watchSweep(sweepId: string, options?: WatchOptions & { after?: number }): AsyncGenerator<SweepEventData>
  /** The state of every sweep whenever it changes. */
  watchSweeps(options?: WatchOptions): AsyncGenerator<SweepEventData>
  /** Whether the server has bytes of this SHA-256. */
  hasObject(sha256: string): Promise<boolean>
  /** Stores bytes, which must have this SHA-256. */
  putObject(sha256: string, bytes: AsyncIterable<Uint8Array>): Promise<void>
  /** The bytes of an object; whoever reads them checks their SHA-256. */
  getObject(sha256: string): Promise<AsyncIterable<Uint8Array>>
  /** Files that the program of a trial left in artifacts/, by path. */
  listArtifacts(sweepId: string, trial: number, page?: PageOptions): Promise<ArtifactList>
  /** The bytes of one of them; whoever reads them checks their SHA-256. */
  getArtifact(sweepId: string, trial: number, path: string): Promise<AsyncIterable<Uint8Array>>
  listAgents(): Promise<AgentList>
  /** Whether agents can use the queue that the server offers them, as seen from the server. */
  checkAgentQueue(): Promise<AgentQueueCheck>
  drainAgent(agentId: string): Promise<AgentView>
  createToken(body: CreateToken): Promise<TokenCreated>
  listTokens(): Promise<TokenList>
  revokeToken(tokenId: number): Promise<void>
  /** What is told of what happens, as it happens. */
  readonly webhooks: Webhooks
  /** Projects, experiments and runs. */
  readonly tracking: Tracking
  readonly runs: RunSearches
  readonly projects: Projects
  /** Registered models, their versions and gates. */
  readonly models: Models
}

const LOG_WAIT_MS = 15_000

export function createClient(options: HttpOptions): Client {
  const http = new Http(options)
  const get = (path: string, query?: Query) => http.json({ path, ...(query === undefined ? {} : { query }) })
  const post = (path: string, body?: unknown) => http.json({ method: 'POST', path, body })

  const trialLog: Client['trialLog'] = async (sweepId, trial, { attempt, after, waitMs } = {}, signal) => {
    const query = { attempt, after, waitMs }
    return (await http.json({ path: `${trialPath(sweepId, trial)}/logs`, query, signal })) as LogPage
  }

  return {
    url: http.url,
    health: async (signal) => (await http.json({ path: '/health', signal })) as Health,
    whoami: async () => (await get('/whoami')) as WhoAmI,
    validateSweep: async (body) => (await post('/validate', body)) as SweepValidated,
    createSweep: async (body) => {
      const reply = (await post('/sweeps', body)) as SweepCreated
      return { ...reply, sweep: decodeSweep<SweepView>(reply.sweep) }
    },
    listSweeps: async (query = {}) => decodeSweepList(await get('/sweeps', { ...query })),
    getSweep: async (sweepId) => decodeSweepDetail(await get(sweepPath(sweepId))),
    controlSweep: async (sweepId, action) => decodeSweep(await post(`${sweepPath(sweepId)}/${action}`)),
    changeSweep: async (sweepId, body) =>
      decodeSweep(await http.json({ method: 'PATCH', path: sweepPath(sweepId), body })),
    leaderboard: async (sweepId, page) =>
      decodeLeaderboard(await get(`${sweepPath(sweepId)}/leaderboard`, trialQuery(page))),
    importance: async (sweepId, { metric, method } = {}) =>
      (await get(`${sweepPath(sweepId)}/importance`, { metric, method })) as ImportanceReply,
    confirmSweep: async (sweepId, body = {}) => {
      const reply = (await post(`${sweepPath(sweepId)}/confirm`, body)) as SweepCreated
      return { ...reply, sweep: decodeSweep<SweepView>(reply.sweep) }
    },
    confirmation: async (sweepId) => (await get(`${sweepPath(sweepId)}/confirmation`)) as Confirmation,
    configs: async (sweepId, limit) => (await get(`${sweepPath(sweepId)}/configs`, { limit })) as ConfigBoard,
    report: (sweepId, format) => http.text({ path: `${sweepPath(sweepId)}/report`, query: { format } }),
    sweepHealth: async (sweepId, { cleared = false } = {}) =>
      decodeHealth(await get(`${sweepPath(sweepId)}/health`, { cleared: String(cleared) })),
    listTrials: async (sweepId, page) => decodeTrialList(await get(`${sweepPath(sweepId)}/trials`, trialQuery(page))),
    enqueueTrial: async (sweepId, body) => decodeTrial(await post(`${sweepPath(sweepId)}/trials`, body)),
    getTrial: async (sweepId, trial) => decodeTrialDetail(await get(trialPath(sweepId, trial))),
    controlTrial: async (sweepId, trial, action) => decodeTrial(await post(`${trialPath(sweepId, trial)}/${action}`)),
    trialMetrics: async (sweepId, trial, { names, attempt, maxPoints } = {}) =>
      decodeMetrics(await get(`${trialPath(sweepId, trial)}/metrics`, { name: names, attempt, maxPoints })),
    trialEnvironment: async (sweepId, trial, attempt) =>
      (await get(`${trialPath(sweepId, trial)}/environment`, { attempt })) as TrialEnvironment,
    trialLog,
    followLog: async function* (sweepId, trial, { signal, ...options } = {}) {
      let { after, attempt } = options
      for (;;) {
        const page = await trialLog(sweepId, trial, { attempt, after, waitMs: options.waitMs ?? LOG_WAIT_MS }, signal)
        if (page.text !== '') yield page
        if (page.done) return
        after = page.next
        attempt = page.attempt
      }
    },
    listFacts: async (sweepId, query = {}) => (await get(`${sweepPath(sweepId)}/facts`, { ...query })) as FactPage,
    watchSweep: (sweepId, { after, ...options } = {}) =>
      watchEvents(http, `${sweepPath(sweepId)}/events`, decodeEvent, { ...options, lastId: after ?? 0 }),
    watchSweeps: (options = {}) => watchEvents(http, '/events', decodeEvent, options),
    hasObject: (sha256) => http.exists(`/objects/${sha256}`),
    putObject: async (sha256, bytes) => {
      await http.json({ method: 'PUT', path: `/objects/${sha256}`, bytes })
    },
    getObject: async (sha256) => {
      const { body } = await http.send({ path: `/objects/${sha256}` })
      return (body ?? []) as AsyncIterable<Uint8Array>
    },
    listArtifacts: async (sweepId, trial, page = {}) =>
      (await get(`${trialPath(sweepId, trial)}/artifacts`, { ...page })) as ArtifactList,
    getArtifact: async (sweepId, trial, path) => {
      const { body } = await http.send({ path: `${trialPath(sweepId, trial)}/artifacts/file`, query: { path } })
      return (body ?? []) as AsyncIterable<Uint8Array>
    },
    listAgents: async () => (await get('/agents')) as AgentList,
    checkAgentQueue: async () => (await get('/queue-check')) as AgentQueueCheck,
    drainAgent: async (agentId) => (await post(`/agents/${encodeURIComponent(agentId)}/drain`)) as AgentView,
    createToken: async (body) => (await post('/tokens', body)) as TokenCreated,
    listTokens: async () => (await get('/tokens')) as TokenList,
    revokeToken: async (tokenId) => {
      await http.json({ method: 'DELETE', path: `/tokens/${tokenId}` })
    },
    tracking: createTracking(http),
    runs: createRunSearches(http),
    projects: createProjects(http),
    models: createModels(http),
    webhooks: createWebhooks(http),
  }
}

type Query = NonNullable<Parameters<Http['json']>[0]['query']>

function sweepPath(sweepId: string): string {
  return `/sweeps/${encodeURIComponent(sweepId)}`
}

function trialPath(sweepId: string, trial: number): string {
  return `${sweepPath(sweepId)}/trials/${trial}`
}

function trialQuery({ states, limit, after }: TrialPageOptions = {}): Query {
  return { state: states, limit, after }
}

function decodeEvent(data: unknown): SweepEventData {
  const event = data as SweepEventData
  return event.type === 'sweep' ? { ...event, sweep: decodeSweep<SweepView>(event.sweep) } : event
}
