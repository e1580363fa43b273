import { z } from 'zod'
import type { TrialEvent } from './trial.ts'

export const ATTEMPT_STATES = ['queued', 'running', 'ended'] as const
export type AttemptState = (typeof ATTEMPT_STATES)[number]

/** Why an attempt ended. The agent names the cause it saw; the controller may overrule it with what it had asked for. */
export const CAUSES = [
  'succeeded',
  'pruned',
  'stopped',
  'cancelled',
  'paused',
  'budget',
  'unhealthy',
  'no-metric',
  'nan',
  'user-error',
  'bad-command',
  'oom',
  'timeout',
  'preempted',
  'node-fault',
  'lost',
  'withdrawn',
] as const
export const Cause = z.enum(CAUSES)
export type Cause = z.infer<typeof Cause>

/** What an agent may be asked to do with a running attempt; each ends the process, and becomes the cause it ended with. */
export const STOP_REASONS = [
  'pruned',
  'stopped',
  'cancelled',
  'paused',
  'budget',
  'unhealthy',
  'timeout',
  'preempted',
] as const
export const StopReason = z.enum(STOP_REASONS)
export type StopReason = z.infer<typeof StopReason>

interface CausePolicy {
  /** What the cause means to the trial; `retry` becomes `fail` once the retries of its kind are used up. */
  readonly event: TrialEvent
  /** Whose fault: `user` causes count against `retry.max`, `ours` against `retry.lost_max`. */
  readonly fault: 'none' | 'user' | 'ours'
  readonly says: string
}

export const CAUSE_POLICY = {
  succeeded: { event: 'complete', fault: 'none', says: 'ran to its end' },
  pruned: { event: 'prune', fault: 'none', says: 'stopped early by the pruner' },
  stopped: { event: 'complete', fault: 'none', says: 'stopped on request; what it reported counts' },
  cancelled: { event: 'cancel', fault: 'none', says: 'killed on request' },
  paused: { event: 'pause', fault: 'none', says: 'put aside at a checkpoint' },
  budget: { event: 'complete', fault: 'none', says: 'stopped because the budget of the sweep was used up' },
  unhealthy: { event: 'prune', fault: 'none', says: 'stopped because its metrics showed that something is wrong' },
  'no-metric': { event: 'fail', fault: 'user', says: 'ended without reporting the metric of the sweep' },
  nan: { event: 'fail', fault: 'user', says: 'reported only NaN or infinite values' },
  'user-error': { event: 'fail', fault: 'user', says: 'the program exited with an error' },
  'bad-command': { event: 'fail', fault: 'user', says: 'the program could not be started' },
  oom: { event: 'fail', fault: 'user', says: 'killed because memory ran out' },
  timeout: { event: 'fail', fault: 'user', says: 'ran longer than the sweep allows one trial' },
  preempted: { event: 'retry', fault: 'ours', says: 'its agent was drained' },
  'node-fault': { event: 'retry', fault: 'ours', says: 'its host had a fault' },
  lost: { event: 'retry', fault: 'ours', says: 'its agent stopped answering' },
  withdrawn: { event: 'retry', fault: 'none', says: 'taken back from the queue before it started' },
} as const satisfies Record<Cause, CausePolicy>
