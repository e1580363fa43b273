import { z } from 'zod'
import { SweepError } from './errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** A whole number, spelled as text. */
export const whole = z.coerce.number().int()

export const LogLevel = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info')

/**
 * The environment of a service, checked. A variable that is empty means the same as none, which is what compose files
 * make of an unset one.
 * @param hints what to do about a variable, by its name
 * @throws SweepError `invalid-request` naming the first variable that is wrong
 */
export function parseEnvironment<S extends z.ZodObject>(
  schema: S,
  env: Environment,
  hints: Readonly<Record<string, string>> = {},
): z.output<S> {
  const given = withoutEmpty(env)
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const name = String(issue?.path[0] ?? 'the environment')
  const problem = given[name] === undefined ? 'is not set' : `is ${JSON.stringify(given[name])}: ${issue?.message}`
  throw new SweepError('invalid-request', `${name} ${problem}`, {
    hint: hints[name] ?? 'Correct it and start again.',
  })
}

export function withoutEmpty(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  )
}

/**
 * What an agent may count on after a heartbeat. Less than the lease where that spares the server from writing every
 * lease at every heartbeat; three further heartbeats must fit into it.
 */
export function sureLeaseMs(leaseMs: number, heartbeatMs: number): number {
  const most = Math.floor(0.75 * leaseMs)
  return most >= 3 * heartbeatMs ? most : leaseMs
}

/** @throws SweepError `invalid-request` when a lease would run out between two heartbeats */
export function checkLease(leaseMs: number, heartbeatMs: number): void {
  if (leaseMs > heartbeatMs) return
  throw new SweepError(
    'invalid-request',
    'SWEEP_LEASE_MS must be longer than SWEEP_HEARTBEAT_MS, or every lease runs out',
  )
}
