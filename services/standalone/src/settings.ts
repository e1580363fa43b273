import { type AgentSettings, readSettings as readAgentSettings } from '@sweep/agent/settings'
import { type ApiSettings, readSettings as readApiSettings } from '@sweep/api/settings'
import { type ControllerSettings, readSettings as readControllerSettings } from '@sweep/controller/settings'
import { type Environment, parseEnvironment, whole } from '@sweep/spec/environment'
import { sweepHome } from '@sweep/spec/sweep-home'
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

const Variables = z.object({
  SWEEP_HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: z.string().optional(),
  REDIS_URL: z.string().optional(),
  SWEEP_AGENT: z.enum(['on', 'off']).default('on'),
  SWEEP_CONNECT_TIMEOUT_MS: whole.min(0).default(60_000),
})

const LOOPBACK = ['127.0.0.1', 'localhost', '::1']

/**
 * The settings of the three services, read as each reads its own, and those of the whole.
 * @throws SweepError `invalid-request` naming the variable
 */
export function readSettings(env: Environment, version: string): StandaloneSettings {
  const found = parseEnvironment(Variables, env)
  const home = sweepHome(env)
  // On loopback the page opens in a browser of this machine without a token; whatever writes needs one.
  const anonymousRead = LOOPBACK.includes(found.SWEEP_HOST) ? 'loopback' : 'never'
  // The database of the services is the one that this server brings, whose address is not known yet.
  const services = { SWEEP_ANONYMOUS_READ: anonymousRead, ...env, DATABASE_URL: found.DATABASE_URL ?? 'embedded' }
  const api = readApiSettings(services, version)
  return {
    home,
    databaseUrl: found.DATABASE_URL,
    redisUrl: found.REDIS_URL,
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
