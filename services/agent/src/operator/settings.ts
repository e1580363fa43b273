import { type MonitorSettings, MonitorVariables, monitorSettings } from '@sweep/monitoring/monitor-settings'
import { type Environment, LogLevel, parseEnvironment } from '@sweep/spec/environment'
import { z } from 'zod'

export interface OperatorSettings {
  /** Address of the server, such as `http://127.0.0.1:4600`. */
  readonly url: string
  /** A user's token of role operator or more. */
  readonly token: string | undefined
  /** Path of a kubeconfig, or else the cluster that the operator runs in. */
  readonly kubeconfig: string | undefined
  /** Where resources are looked after; everywhere when undefined, in the operator's own namespace when empty. */
  readonly namespaces: readonly string[] | undefined
  readonly monitor: MonitorSettings | undefined
  readonly logLevel: string
}

const NAMESPACES = /^(\*|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\s*,\s*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*)$/

const Variables = MonitorVariables.extend({
  SWEEP_URL: z.url({ protocol: /^https?$/, error: 'must be an address such as http://127.0.0.1:4600' }),
  SWEEP_TOKEN: z.string().optional(),
  SWEEP_KUBECONFIG: z.string().optional(),
  KUBECONFIG: z.string().optional(),
  SWEEP_OPERATOR_NAMESPACES: z
    .string()
    .regex(NAMESPACES, 'must be names such as team-a,team-b, or * for all')
    .optional(),
  SWEEP_LOG_LEVEL: LogLevel,
})

/** @throws SweepError `invalid-request` naming the variable */
export function readSettings(env: Environment): OperatorSettings {
  const found = parseEnvironment(Variables, env, { SWEEP_URL: 'Set it to the address of the api.' })
  const { SWEEP_OPERATOR_NAMESPACES: names = '' } = found
  return {
    url: found.SWEEP_URL,
    token: found.SWEEP_TOKEN,
    kubeconfig: found.SWEEP_KUBECONFIG ?? found.KUBECONFIG,
    namespaces: names === '*' ? undefined : [...new Set(names.split(/[\s,]+/).filter((name) => name !== ''))],
    monitor: monitorSettings(found),
    logLevel: found.SWEEP_LOG_LEVEL,
  }
}
