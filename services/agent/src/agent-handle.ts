import type { Launcher } from '@sweep/launchers/launcher'
import type { Clock, RandomBytes } from '@sweep/spec/clock'
import type { Logger } from 'pino'
import type { QueryGpus } from './slots/gpus.ts'

export interface AgentDeps {
  readonly clock: Clock
  /** From 0 to 1, for jitter. */
  readonly random: () => number
  readonly randomBytes: RandomBytes
  readonly log: Logger
  readonly launcher?: Launcher
  readonly queryGpus?: QueryGpus
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
  /** Claims no more; what runs may finish; then ends. */
  drain(): Promise<void>
  /** Ends what runs as `preempted`, reports that, and ends. Called again, it hurries. */
  stop(): Promise<void>
  /** Ends now and lets programs run on; the next agent with this home takes them over. */
  leave(): Promise<void>
}
