import type { Clock, RandomBytes } from '@sweep/spec/clock'
import { newId } from '@sweep/spec/ids'
import { createClient } from '../client.ts'
import { type Connection, findServer } from '../connection.ts'
import type { Fetch } from '../http.ts'
import { leftBehind } from './left-behind.ts'
import { cleanTags, cleanText } from './log-values.ts'
import { runEnvironment, runSource } from './run-facts.ts'
import type { Say } from './say.ts'
import type { SpoolTarget } from './send-spool.ts'
import { spoolRoot } from './spool-root.ts'
import { syncSpool } from './sync-spools.ts'
import { SpooledRun } from './tracked-run.ts'
import type { StartRunOptions } from './tracker-types.ts'
import { trialRunId } from './trial-program.ts'

/** What a tracker needs of the world. */
export interface TrackerWorld {
  readonly env: Readonly<Record<string, string | undefined>>
  /** As `process.argv`. */
  readonly argv: readonly string[]
  readonly clock: Clock
  readonly randomBytes: RandomBytes
  readonly warn: Say
  readonly fetch?: Fetch
}

const FLUSH_MS = 1000
/** Without an answer to a request that is not an upload. */
const TIMEOUT_MS = 15_000
const TITLES = { project: 200, experiment: 200, name: 500, group: 500, notes: 100_000 } as const

/** Starts a run, or gives the trial's. Rejects only with what `world.warn` throws. */
export async function startTrackedRun(world: TrackerWorld, options: StartRunOptions): Promise<SpooledRun> {
  const { env, clock, randomBytes, warn } = world
  // A run below another is one of its own, also in a trial.
  const trialId = options.parentRunId === undefined ? trialRunId(env) : undefined
  const server = options.offline ? undefined : await serverOf(world, options)
  const tracking = server && trackingAt(server, world.fetch)
  const isNew = trialId === undefined && options.resume === undefined
  const id = trialId ?? options.resume ?? newId(randomBytes)
  const titles = titlesOf(options, env)
  const root = spoolRoot(env)
  const startedAt = new Date(clock.now()).toISOString()
  const flushMs = Math.max(1, options.flushMs ?? FLUSH_MS)
  const common = { id, root, env, clock, randomBytes, warn, tracking, flushMs, url: server?.url }
  const create = isNew ? { id, startedAt, ...titles, ...tagsOf(options), ...parentOf(options) } : undefined
  const run = new SpooledRun({ ...common, isTrial: trialId !== undefined, create })
  if (!isNew) {
    const { project: _, experiment: __, ...changes } = titles
    const change = { ...changes, ...(trialId === undefined && { status: 'running' }) }
    if (Object.keys(change).length > 0) run.change(change)
    if (options.tags !== undefined) run.setTags(options.tags)
  }
  if (options.params !== undefined) run.logParams(options.params)
  if (options.capture !== false && isNew) {
    run.capture(async () => ({ environment: runEnvironment(), source: await runSource(world.argv) }))
  }
  if (server !== undefined && tracking !== undefined) {
    void sendLeftBehind(root, { url: server.url, only: trialRunId(env) }, tracking, warn)
  }
  return run
}

/** Of a server that answers slowly or never, no request may hold up the next for long. */
export function trackingAt({ url, token }: Pick<Connection, 'url' | 'token'>, given?: Fetch): SpoolTarget {
  const send: Fetch = given ?? ((address, init) => fetch(address, init))
  const patient: Fetch = (address, init) =>
    send(address, 'duplex' in init ? init : { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
  const { tracking, models } = createClient({ url, token, fetch: patient })
  return { ...tracking, registerModel: models.register }
}

/** In a trial only what the agent says: its token is for that server. */
async function serverOf({ env, warn }: TrackerWorld, { url, token }: StartRunOptions): Promise<Connection | undefined> {
  if (trialRunId(env) !== undefined && !env['SWEEP_URL']) return undefined
  try {
    return await findServer({ env, url, token })
  } catch (error) {
    warn('url', error instanceof Error ? error.message : String(error))
    return undefined
  }
}

/**
 * What earlier programs could not send. In a trial only what earlier attempts of it could not: its token is good for
 * nothing else. Folders of killed programs in which nothing is left go in any case.
 */
async function sendLeftBehind(
  root: string,
  { url, only }: { readonly url: string; readonly only: string | undefined },
  tracking: SpoolTarget,
  warn: Say,
): Promise<void> {
  try {
    for (const spool of leftBehind(root, { url })) {
      if (only === undefined || only === spool.runId) await syncSpool(spool, tracking, warn)
      else spool.close()
    }
  } catch {
    // The next one does it.
  }
}

function titlesOf(options: StartRunOptions, env: TrackerWorld['env']): Record<string, string> {
  const { project = env['SWEEP_PROJECT'], experiment = env['SWEEP_EXPERIMENT'], name, group, notes } = options
  const given = { project, experiment, name, group, notes }
  return Object.fromEntries(
    Object.entries(given).flatMap(([key, text]) => {
      const clean = text ? cleanText(text, TITLES[key as keyof typeof TITLES]) : ''
      return clean === '' ? [] : [[key, clean]]
    }),
  )
}

function tagsOf({ tags }: StartRunOptions): { tags?: Record<string, string> } {
  if (tags === undefined) return {}
  const kept = Object.entries(cleanTags(tags).kept).filter((entry): entry is [string, string] => entry[1] !== null)
  return { tags: Object.fromEntries(kept) }
}

function parentOf({ parentRunId }: StartRunOptions): { parentRunId?: string } {
  return parentRunId === undefined ? {} : { parentRunId }
}
