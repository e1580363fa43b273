import type { Inherited } from '@sweep/launchers/inherited-environment'
import type { Launcher } from '@sweep/launchers/launcher'
import type { Logger } from 'pino'
import type { FetchContext } from '../code/code-folder.ts'
import type { AgentHome } from '../home/agent-home.ts'
import type { RunEnvironments } from '../host/run-environment.ts'
import type { AgentMonitoring } from '../monitoring.ts'
import type { Reporter } from '../report/reporter.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { Uploads } from '../uploads/uploads.ts'
import type { AttemptRun } from './attempt-run.ts'
import type { Times } from './run-reports.ts'

/** What all runs of an agent share. */
export interface RunContext {
  readonly home: AgentHome
  /** By the name that sweeps call them by. */
  readonly launchers: ReadonlyMap<string, Launcher>
  readonly reporter: Reporter
  readonly slots: SlotTable
  readonly environments: RunEnvironments
  /** How code and checkpoints come here that are elsewhere. */
  readonly fetching: FetchContext
  readonly uploads: Uploads
  /** When uploads must be done or left to the next start, by the steady clock: this host may go away. */
  readonly uploadsUntil: () => number
  readonly inherited: Inherited
  readonly sdkFolder: string | undefined
  readonly url: string
  readonly times: () => Times
  readonly log: Logger
  readonly monitoring: AgentMonitoring
  /** Slots became free. */
  readonly onFree: () => void
  /** The run is over and the server knows, or it is no longer ours. */
  readonly onGone: (run: AttemptRun) => void
  /** This host could not start a program. */
  readonly onNodeFault: () => void
}
