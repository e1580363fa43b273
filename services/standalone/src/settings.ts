import { join } from 'node:path'
import { type AgentSettings, readSettings as readAgentSettings } from '@sweep/agent/settings'
import { type ApiSettings, readSettings as readApiSettings } from '@sweep/api/settings'
import { type ControllerSettings, readSettings as readControllerSettings } from '@sweep/controller/settings'
import { SweepError } from '@sweep/spec/errors'
import { z } from 'zod'

export interface StandaloneSettings {
  /** Folder of everything this server keeps: database, token, runs, logs. */
  readonly home: string
  /** A Postgres of the user's own; the embedded one when absent. */
  readonly databaseUrl: string | undefined
  /** Tickets go through Redis when set, through Postgres otherwise. */
  readonly redisUrl: string | undefined
  /** How long a database that can't be reached is tried before the start is given up. */
  readonly connectTimeoutMs: number
  readonly logLevel: string
  readonly api: ApiSettings
  readonly controller: ControllerSettings
  /** The agent that this server starts, less where the server is and how to be let in; absent when switched off. */
  readonly agent: Omit<AgentSettings, 'url' | 'token'> | undefined
}

const Environment = z.object({
  SWEEP_HOME: z.string().optional(),
  XDG_DATA_HOME: z.string().optional(),
  HOME: z.string().default('/'),
  SWEEP_AGENT: z.enum(['on', 'off']).default('on'),
  SWEEP_CONNECT_TIMEOUT_MS: z.coerce.number().int().min(0).default(60_000),
})

const LOOPBACK = ['127.0.0.1', 'localhost', '::1']

/**
 * The settings of the three services, read as each reads its own, and those of the whole.
 * @throws SweepError `invalid-request` naming the variable
 */
export function readSettings(env: Readonly<Record<string, string | undefined>>, version: string): StandaloneSettings {
  // An empty variable means the same as none.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = Environment.safeParse(given)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const name = String(issue?.path[0])
    throw new SweepError('invalid-request', `${name} is ${JSON.stringify(given[name])}: ${issue?.message}`)
  }
  const found = parsed.data
  const home = found.SWEEP_HOME ?? join(found.XDG_DATA_HOME ?? join(found.HOME, '.local', 'share'), 'sweep')
  // On loopback the page opens in a browser of this machine without a token; whatever writes needs one.
  const anonymousRead = LOOPBACK.includes(given['SWEEP_HOST'] ?? '127.0.0.1') ? 'loopback' : 'never'
  // The database of the services is the one that this server brings, whose address is not known yet.
  const services = { SWEEP_ANONYMOUS_READ: anonymousRead, ...given, DATABASE_URL: given['DATABASE_URL'] ?? 'embedded' }
  const api = readApiSettings(services, version)
  return {
    home,
    databaseUrl: given['DATABASE_URL'],
    redisUrl: given['REDIS_URL'],
    connectTimeoutMs: found.SWEEP_CONNECT_TIMEOUT_MS,
    logLevel: api.logLevel,
    api,
    controller: readControllerSettings(services),
    agent:
      found.SWEEP_AGENT === 'on'
        ? readAgentSettings({ ...env, SWEEP_HOME: home, SWEEP_URL: 'http://127.0.0.1' }, version)
        : undefined,
  }
}
