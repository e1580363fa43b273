import type { TrialState } from '../trial.ts'

export const RUN_STATUSES = ['pending', 'running', 'completed', 'failed', 'killed'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

/** How a run can end. */
export const RUN_ENDS = ['completed', 'failed', 'killed'] as const satisfies readonly RunStatus[]
export type RunEnd = (typeof RUN_ENDS)[number]

/** What the run of a trial is said to be: a trial that was pruned was killed, one that waits to go on is pending. */
export const TRIAL_RUN_STATUS = {
  queued: 'pending',
  running: 'running',
  paused: 'pending',
  completed: 'completed',
  pruned: 'killed',
  failed: 'failed',
  cancelled: 'killed',
} as const satisfies Record<TrialState, RunStatus>

export function isOver(status: RunStatus): status is RunEnd {
  return (RUN_ENDS as readonly RunStatus[]).includes(status)
}
