import { type MonitorSettings, MonitorVariables, monitorSettings } from '@sweep/monitoring/monitor-settings'
import { type Environment, LogLevel, parseEnvironment, whole } from '@sweep/spec/environment'
import { z } from 'zod'
import { CRASH_POINTS, type CrashAt } from './crash-point.ts'

export interface ControllerSettings {
  /** How long an agent may be silent before its attempts count as lost; the API tells agents the same. */
  readonly agentLeaseMs: number
  /** How long another controller waits after this one's last sign of life before it takes over its sweeps. */
  readonly controllerLeaseMs: number
  /** A queued attempt whose newest ticket is older than this gets another. */
  readonly ticketAgeMs: number
  readonly crashAt: CrashAt | undefined
}

/** The environment of the service when it runs on its own. */
export interface ControllerEnvironment extends ControllerSettings {
  readonly databaseUrl: string
  readonly redisUrl: string | undefined
  readonly monitor: MonitorSettings | undefined
  readonly logLevel: string
}

const CrashAtText = z
  .string()
  .regex(
    new RegExp(`^(${CRASH_POINTS.join('|')})(:[1-9][0-9]*)?$`),
    `is one of ${CRASH_POINTS.join(', ')}, then maybe :n`,
  )
  .transform((text): CrashAt => {
    const [name, passing] = text.split(':')
    const point = CRASH_POINTS.find((one) => one === name) ?? 'before-create'
    return { point, passing: Number(passing ?? 1) }
  })

const Variables = MonitorVariables.extend({
  DATABASE_URL: z.string().min(1),
  REDIS_URL: z.string().min(1).optional(),
  SWEEP_LEASE_MS: whole.min(100).max(3_600_000).default(30_000),
  SWEEP_CONTROLLER_LEASE_MS: whole.min(300).max(600_000).default(10_000),
  SWEEP_TICKET_AGE_MS: whole.min(100).max(600_000).default(10_000),
  SWEEP_CRASH_AT: CrashAtText.optional(),
  SWEEP_LOG_LEVEL: LogLevel,
})

/** @throws SweepError `invalid-request` naming the variable */
export function readSettings(env: Environment): ControllerEnvironment {
  const found = parseEnvironment(Variables, env, {
    DATABASE_URL: 'Set it to a Postgres address such as postgres://user:password@host:5432/sweep.',
  })
  return {
    databaseUrl: found.DATABASE_URL,
    redisUrl: found.REDIS_URL,
    monitor: monitorSettings(found),
    agentLeaseMs: found.SWEEP_LEASE_MS,
    controllerLeaseMs: found.SWEEP_CONTROLLER_LEASE_MS,
    ticketAgeMs: found.SWEEP_TICKET_AGE_MS,
    crashAt: found.SWEEP_CRASH_AT,
    logLevel: found.SWEEP_LOG_LEVEL,
  }
}
