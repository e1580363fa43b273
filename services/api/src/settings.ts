import { type MonitorSettings, MonitorVariables, monitorSettings } from '@sweep/monitoring/monitor-settings'
import { checkLease, type Environment, LogLevel, parseEnvironment, whole } from '@sweep/spec/environment'
import { SweepError } from '@sweep/spec/errors'
import { PriceTable } from '@sweep/spec/prices'
import { z } from 'zod'
import { type ObjectSettings, ObjectVariables, objectSettings } from './objects/object-settings.ts'
import { type RunPatience, RunPatienceVariables, runPatience } from './tracking/run-patience.ts'

export interface ApiSettings {
  /** Address to listen on. One that is not loopback is refused until a user token exists. */
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Where gRPC is served, on the same address; 0 takes a free port, absent: nowhere. */
  readonly grpcPort?: number | undefined
  /** Names in the Host header that are answered besides the loopback ones. */
  readonly allowedHosts: readonly string[]
  /** `loopback`: requests from this machine without a token may read everything, so that the page opens in a browser. */
  readonly anonymousRead: 'never' | 'loopback'
  /** `loopback`: MLflow's clients on this machine may log without a token. */
  readonly anonymousMlflow: 'never' | 'loopback'
  /** What agents are told: how often to report in, and for how long a silent one keeps its attempts. */
  readonly heartbeatMs: number
  readonly leaseMs: number
  /** Time for a request to arrive whole; replies may take as long as they like, as long polls and streams do. */
  readonly requestTimeoutMs: number
  readonly version: string
  /** Redis of the tickets; in Postgres when absent. */
  readonly redisUrl?: string | undefined
  /**
   * Redis as agents reach it, for those that take tickets themselves; none does when absent. Without a user in it each
   * gets one of its own.
   */
  readonly agentRedisUrl?: string | undefined
  /** Whether webhooks may go to addresses that are not on the public internet. */
  readonly privateWebhooks?: boolean
  /** How long runs outside of sweeps may be silent; `RUN_PATIENCE` when absent. */
  readonly runPatience?: RunPatience
  readonly objects: ObjectSettings
  /** What an hour costs on which hosts; nobody is told of costs without it. */
  readonly prices?: PriceTable | undefined
}

/** The environment of the service when it runs on its own. */
export interface ApiEnvironment extends ApiSettings {
  readonly databaseUrl: string
  readonly monitor: MonitorSettings | undefined
  /** An admin token to begin with, where nobody can make one yet. */
  readonly token: string | undefined
  /** A token to begin with that agents may join with, and nothing else. */
  readonly joinToken: string | undefined
  readonly logLevel: string
}

const Variables = MonitorVariables.extend({
  ...ObjectVariables.shape,
  DATABASE_URL: z.string().min(1),
  REDIS_URL: z.string().min(1).optional(),
  SWEEP_AGENT_REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be an address such as redis://user:password@host:6379' })
    .optional(),
  SWEEP_HOST: z.string().min(1).default('127.0.0.1'),
  SWEEP_PORT: whole.min(0).max(65535).default(4600),
  SWEEP_GRPC_PORT: whole.min(0).max(65535).optional(),
  SWEEP_ALLOWED_HOSTS: z.string().default(''),
  SWEEP_ANONYMOUS_READ: z.enum(['never', 'loopback']).default('never'),
  SWEEP_ANONYMOUS_MLFLOW: z.enum(['never', 'loopback']).default('never'),
  SWEEP_HEARTBEAT_MS: whole.min(50).max(600_000).default(5000),
  SWEEP_LEASE_MS: whole.min(100).max(3_600_000).default(30_000),
  SWEEP_REQUEST_TIMEOUT_MS: whole.min(100).max(3_600_000).default(30_000),
  SWEEP_TOKEN: z.string().min(24).optional(),
  SWEEP_JOIN_TOKEN: z.string().min(24).optional(),
  SWEEP_WEBHOOKS_PRIVATE: z.enum(['refuse', 'allow']).default('refuse'),
  ...RunPatienceVariables.shape,
  SWEEP_PRICES: z.string().transform(asJson).pipe(PriceTable).optional(),
  SWEEP_LOG_LEVEL: LogLevel,
})

/** @throws SweepError `invalid-request` naming the variable */
export function readSettings(env: Environment, version: string): ApiEnvironment {
  const found = parseEnvironment(Variables, env, {
    SWEEP_PRICES:
      'Write JSON such as {"currency": "EUR", "prices": [{"gpu": "A100", "gpuHour": 2.5}]}; docs/costs.md has the keys.',
    DATABASE_URL:
      'Set it to a Postgres address such as postgres://user:password@host:5432/sweep, or run `sweep server start` for a server with its own database.',
  })
  if (found.SWEEP_AGENT_REDIS_URL !== undefined && found.REDIS_URL === undefined) {
    throw new SweepError(
      'invalid-request',
      'SWEEP_AGENT_REDIS_URL lets agents into a Redis that this server does not use.',
      {
        hint: 'Set REDIS_URL too, for the server and the controller.',
      },
    )
  }
  checkLease(found.SWEEP_LEASE_MS, found.SWEEP_HEARTBEAT_MS)
  return {
    host: found.SWEEP_HOST,
    port: found.SWEEP_PORT,
    grpcPort: found.SWEEP_GRPC_PORT,
    allowedHosts: found.SWEEP_ALLOWED_HOSTS.split(/[\s,]+/).filter((name) => name !== ''),
    anonymousRead: found.SWEEP_ANONYMOUS_READ,
    anonymousMlflow: found.SWEEP_ANONYMOUS_MLFLOW,
    heartbeatMs: found.SWEEP_HEARTBEAT_MS,
    leaseMs: found.SWEEP_LEASE_MS,
    requestTimeoutMs: found.SWEEP_REQUEST_TIMEOUT_MS,
    version,
    agentRedisUrl: found.SWEEP_AGENT_REDIS_URL,
    privateWebhooks: found.SWEEP_WEBHOOKS_PRIVATE === 'allow',
    runPatience: runPatience(found),
    objects: objectSettings(found, env),
    prices: found.SWEEP_PRICES,
    databaseUrl: found.DATABASE_URL,
    redisUrl: found.REDIS_URL,
    monitor: monitorSettings(found),
    token: found.SWEEP_TOKEN,
    joinToken: found.SWEEP_JOIN_TOKEN,
    logLevel: found.SWEEP_LOG_LEVEL,
  }
}

function asJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' })
    return z.NEVER
  }
}
