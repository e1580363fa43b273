import { whole } from '@sweep/spec/environment'
import { z } from 'zod'

/** Where a service on its own serves its health and what it counts. */
export interface MonitorSettings {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
}

/** Of every service's environment. */
export const MonitorVariables = z.object({
  SWEEP_MONITOR_HOST: z.string().min(1).default('127.0.0.1'),
  SWEEP_MONITOR_PORT: whole.min(0).max(65_535).optional(),
})

/** Undefined where no port is set: nothing is served then. */
export function monitorSettings(found: z.output<typeof MonitorVariables>): MonitorSettings | undefined {
  const { SWEEP_MONITOR_HOST: host, SWEEP_MONITOR_PORT: port } = found
  return port === undefined ? undefined : { host, port }
}
