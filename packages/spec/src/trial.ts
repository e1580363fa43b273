import type { Cause } from './attempt.ts'
import type { SweepId } from './ids.ts'
import type { Config } from './search-space.ts'

export const TRIAL_STATES = ['queued', 'running', 'paused', 'completed', 'pruned', 'failed', 'cancelled'] as const
export type TrialState = (typeof TRIAL_STATES)[number]

export const TRIAL_EVENTS = ['start', 'complete', 'pause', 'resume', 'prune', 'retry', 'fail', 'cancel'] as const
export type TrialEvent = (typeof TRIAL_EVENTS)[number]

/** Which event takes a trial from which state to which. SQL guards, API, pages and docs all read this table. */
export const TRANSITIONS = {
  queued: { start: 'running', cancel: 'cancelled', prune: 'pruned' },
  running: {
    complete: 'completed',
    pause: 'paused',
    prune: 'pruned',
    retry: 'queued',
    fail: 'failed',
    cancel: 'cancelled',
  },
  paused: { resume: 'queued', prune: 'pruned', cancel: 'cancelled' },
  completed: {},
  pruned: {},
  // A person may ask for a failed or cancelled trial once more; the config keeps its place and its number.
  failed: { retry: 'queued' },
  cancelled: { retry: 'queued' },
} as const satisfies Record<TrialState, Partial<Record<TrialEvent, TrialState>>>

/** The states that `event` may leave, for a SQL guard. */
export function statesAllowing(event: TrialEvent): TrialState[] {
  return TRIAL_STATES.filter((state) => event in TRANSITIONS[state])
}

/** Where `event` leads from `state`, or undefined when it is not allowed. */
export function nextState(state: TrialState, event: TrialEvent): TrialState | undefined {
  return (TRANSITIONS[state] as Partial<Record<TrialEvent, TrialState>>)[event]
}

export function isFinal(state: TrialState): boolean {
  return state === 'completed' || state === 'pruned' || state === 'failed' || state === 'cancelled'
}

export interface TrialFailure {
  readonly cause: Cause
  /** What happened and what to do, one or two sentences. */
  readonly message: string
}

interface TrialBase {
  readonly sweepId: SweepId
  /** 1, 2, 3, … in the order the configs were issued. */
  readonly number: number
  readonly config: Config
  readonly createdAt: Date
}

export interface Lease {
  readonly agentId: string
  readonly epoch: number
  readonly until: Date
}

export type Trial = TrialBase &
  (
    | { readonly state: 'queued' }
    | { readonly state: 'running'; readonly lease: Lease }
    | { readonly state: 'paused'; readonly checkpoint: string | null }
    | { readonly state: 'completed'; readonly value: number | null; readonly finishedAt: Date }
    | { readonly state: 'pruned'; readonly reason: string; readonly finishedAt: Date }
    | { readonly state: 'failed'; readonly failure: TrialFailure; readonly finishedAt: Date }
    | { readonly state: 'cancelled'; readonly finishedAt: Date }
  )
