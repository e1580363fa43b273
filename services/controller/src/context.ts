import type { Metrics } from '@sweep/monitoring/registry'
import type { TicketQueue } from '@sweep/queue/ticket-queue'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import type { Database } from '@sweep/store/database'
import type { Logger } from 'pino'
import type { PassCrashPoint } from './crash-point.ts'
import type { ControllerMonitoring } from './monitoring.ts'
import type { ControllerSettings } from './settings.ts'

/** What `startController` is given. */
export interface ControllerDependencies {
  readonly database: Database
  readonly queue: TicketQueue
  readonly clock: Clock
  readonly log: Logger
  readonly randomBytes: RandomBytes
  /** Where it counts what it does; nowhere when absent. */
  readonly metrics?: Metrics
}

/** What the parts of the controller share. */
export interface ControllerContext extends ControllerDependencies {
  readonly settings: ControllerSettings
  /** Names this controller in the ownership of sweeps; new at every start. */
  readonly controllerId: string
  readonly crash: PassCrashPoint
  readonly monitoring: ControllerMonitoring
}
