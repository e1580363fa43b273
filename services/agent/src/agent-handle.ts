import type { Metrics } from '@sweep/monitoring/registry'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import type { Logger } from 'pino'
import type { AgentLaunchers } from './make-launchers.ts'
import type { ListGpus, QueryGpus } from './slots/gpus.ts'

export interface AgentDeps {
  readonly clock: Clock
  /** From 0 to 1, for jitter. */
  readonly random: () => number
  readonly randomBytes: RandomBytes
  readonly log: Logger
  /** Where it counts what it does; nowhere when absent. */
  readonly metrics?: Metrics
  /** Made from the settings when absent. */
  readonly launchers?: AgentLaunchers
  readonly queryGpus?: QueryGpus
  readonly listGpus?: ListGpus
  /** The bundled reaper; looked for when undefined, none when null. */
  readonly reaperPath?: string | null
}

export interface AgentHandle {
  /** `settings.name`, or with a number behind it when another agent has that. */
  readonly name: string
  readonly home: string
  /** Resolves with the agent's id once the server knows it; rejects when the server does not want it. */
  readonly ready: Promise<string>
  /** Resolves when the agent has ended, for whatever reason. */
  readonly done: Promise<void>
  /** Why it takes no work now, in words; undefined while it does. */
  whyUnhealthy(): string | undefined
  /** Claims no more; what runs may finish; then ends. */
  drain(): Promise<void>
  /** Ends what runs as `preempted`, reports that, and ends. Called again, it hurries. */
  stop(): Promise<void>
  /** Ends now and lets programs run on; the next agent with this home takes them over. */
  leave(): Promise<void>
}
