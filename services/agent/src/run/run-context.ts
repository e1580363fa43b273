import type { Launcher } from '@sweep/launchers/launcher'
import type { Logger } from 'pino'
import type { AgentHome } from '../home/agent-home.ts'
import type { RunEnvironments } from '../host/run-environment.ts'
import type { Reporter } from '../report/reporter.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { AttemptRun } from './attempt-run.ts'
import type { Times } from './run-reports.ts'

/** What all runs of an agent share. */
export interface RunContext {
  readonly home: AgentHome
  readonly launcher: Launcher
  readonly reporter: Reporter
  readonly slots: SlotTable
  readonly environments: RunEnvironments
  /** What all programs inherit. */
  readonly inherited: Readonly<Record<string, string>>
  readonly sdkFolder: string | undefined
  readonly url: string
  readonly times: () => Times
  readonly log: Logger
  /** Slots became free. */
  readonly onFree: () => void
  /** The run is over and the server knows, or it is no longer ours. */
  readonly onGone: (run: AttemptRun) => void
  /** This host could not start a program. */
  readonly onNodeFault: () => void
}
