import { Cause } from '@sweep/spec/attempt'
import { type AttemptId, type SweepId, type TrialId, trialId } from '@sweep/spec/ids'
import { Config } from '@sweep/spec/search-space'
import type { TrialFailure, TrialState } from '@sweep/spec/trial'
import { z } from 'zod'
import { parseSideValues, type SideValues } from './side-values.ts'

export const Checkpoint = z.object({ step: z.int(), path: z.string() })
export type Checkpoint = z.infer<typeof Checkpoint>

const Failure = z.object({ cause: Cause, message: z.string() })

export interface TrialRecord {
  readonly id: TrialId
  readonly sweepId: SweepId
  readonly number: number
  readonly state: TrialState
  readonly config: Config
  readonly replicate: number
  readonly source: 'sampler' | 'user'
  /** Number of the trial whose checkpoint it went on from. */
  readonly parent: number | null
  /** Why it ended as it did, or why it was suggested while it has not ended. */
  readonly reason: string
  readonly value: number | null
  /** Of the metrics beside its sweep's first objective. */
  readonly sideValues: SideValues
  readonly lastValue: number | null
  readonly lastStep: number | null
  readonly bestValue: number | null
  readonly bestStep: number | null
  readonly reports: number
  readonly attempts: number
  readonly userFailures: number
  readonly lostFailures: number
  readonly failure: TrialFailure | null
  /** Why the newest attempt that has ended ended. */
  readonly cause: Cause | null
  /** Name of the agent of the newest attempt. */
  readonly agent: string | null
  readonly checkpoint: Checkpoint | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
}

/** An attempt that became `queued`; what a ticket needs. */
export interface QueuedAttempt {
  readonly attemptId: AttemptId
  readonly queueName: string
  /** Tickets counted for it, the one being made now included; 0 when the controller still has to make the first. */
  readonly tickets: number
}

export interface TrialRow {
  readonly sweep_id: SweepId
  readonly number: number
  readonly state: TrialState
  readonly config: unknown
  readonly replicate: number
  readonly source: 'sampler' | 'user'
  readonly parent: number | null
  readonly reason: string
  readonly end_reason: string | null
  readonly value: number | null
  readonly side_values: unknown
  readonly standing: number
  readonly loss: number | null
  readonly last_value: number | null
  readonly last_step: number | null
  readonly best_value: number | null
  readonly best_step: number | null
  readonly reports: number
  readonly attempts: number
  readonly user_failures: number
  readonly lost_failures: number
  readonly failure: unknown
  readonly last_cause: Cause | null
  readonly agent: string | null
  readonly checkpoint: unknown
  readonly created_at: Date
  readonly started_at: Date | null
  readonly ended_at: Date | null
}

export const TRIAL_COLUMNS = `t.sweep_id, t.number, t.state, t.config, t.replicate, t.source, t.parent, t.reason,
  t.end_reason, t.value, t.side_values, t.standing, t.loss, t.last_value, t.last_step, t.best_value,
  t.best_step, t.reports, t.attempts, t.user_failures, t.lost_failures, t.failure, t.last_cause, g.name as agent, t.checkpoint, t.created_at, t.started_at, t.ended_at`
/** The newest attempt by its id, which is made of the trial's key: no index beside the primary key is needed. */
export const TRIAL_JOINS = `
  left join attempts a on a.id = t.sweep_id || '-' || t.number || '-' || t.attempts
  left join agents g on g.id = a.agent_id`

export function trialRecord(row: TrialRow): TrialRecord {
  return {
    id: trialId(row.sweep_id, row.number),
    sweepId: row.sweep_id,
    number: row.number,
    state: row.state,
    config: Config.parse(row.config),
    replicate: row.replicate,
    source: row.source,
    parent: row.parent,
    reason: row.end_reason ?? row.reason,
    value: row.value,
    sideValues: parseSideValues(row.side_values),
    lastValue: row.last_value,
    lastStep: row.last_step,
    bestValue: row.best_value,
    bestStep: row.best_step,
    reports: row.reports,
    attempts: row.attempts,
    userFailures: row.user_failures,
    lostFailures: row.lost_failures,
    failure: row.failure === null ? null : Failure.parse(row.failure),
    cause: row.last_cause,
    agent: row.agent,
    checkpoint: row.checkpoint === null ? null : Checkpoint.parse(row.checkpoint),
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  }
}
