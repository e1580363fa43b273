import type { ExperimentId, RunId, SweepId } from '@sweep/spec/ids'
import { Json } from '@sweep/spec/number'
import type { FlatParams } from '@sweep/spec/tracking/params'
import { type RunStatus, TRIAL_RUN_STATUS } from '@sweep/spec/tracking/run-status'
import type { TrialState } from '@sweep/spec/trial'
import { Tags } from '@sweep/spec/wire/tracking/projects'
import { z } from 'zod'

export interface RunRecord {
  readonly id: RunId
  /** Its short name in the store. */
  readonly key: number
  readonly experimentId: ExperimentId
  readonly experiment: string
  readonly project: string
  readonly name: string | null
  readonly group: string | null
  readonly status: RunStatus
  readonly parentRunId: RunId | null
  readonly trial: { readonly sweepId: SweepId; readonly number: number; readonly state: TrialState } | null
  readonly params: FlatParams
  readonly tags: Readonly<Record<string, string>>
  readonly createdBy: string | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly endedAt: Date | null
  readonly deletedAt: Date | null
  readonly archivedAt: Date | null
  readonly thinnedAt: Date | null
}

export interface RunRow {
  readonly id: RunId
  readonly key: number
  readonly experiment_id: ExperimentId
  readonly experiment: string
  readonly project: string
  readonly name: string | null
  readonly group_name: string | null
  readonly status: RunStatus
  readonly parent_id: RunId | null
  readonly sweep_id: SweepId | null
  readonly trial: number | null
  readonly trial_state: TrialState | null
  readonly params: unknown
  readonly tags: unknown
  readonly created_by: string | null
  readonly created_at: Date
  readonly started_at: Date | null
  readonly ended_at: Date | null
  readonly deleted_at: Date | null
  readonly archived_at: Date | null
  readonly thinned_at: Date | null
}

const OF_TRIAL = Object.entries(TRIAL_RUN_STATUS)
  .map(([state, status]) => `when '${state}' then '${status}'`)
  .join(' ')

/**
 * What a run is, as SQL over `RUN_TABLES`. A trial's run has no state of its own: one kept in step with the trial would
 * cost every report's transaction a statement. See docs/decisions/0009-tracking-model.md.
 */
export const RUN_STATUS = `coalesce(r.status, case t.state ${OF_TRIAL} end)`
export const RUN_NAME = `coalesce(r.name, e.name || '/' || r.trial)`
/** Null only where a release that knew no params of runs has made the run. */
export const RUN_PARAMS = 'coalesce(r.params, t.config)'
export const RUN_STARTED = 'coalesce(r.started_at, t.started_at)'
export const RUN_ENDED = 'coalesce(r.ended_at, t.ended_at)'

export const RUN_COLUMNS = runColumns(RUN_PARAMS, 'r.tags')

/** @param params, tags what is to be known of them, as SQL */
export function runColumns(params: string, tags: string): string {
  return `r.id, r.key, r.experiment_id, e.name as experiment, p.name as project, ${RUN_NAME} as name, r.group_name,
    ${RUN_STATUS} as status, parent.id as parent_id, r.sweep_id, r.trial, t.state as trial_state, ${params} as params,
    ${tags} as tags, r.created_by, r.created_at, ${RUN_STARTED} as started_at, ${RUN_ENDED} as ended_at, r.deleted_at,
    r.archived_at, r.thinned_at`
}

export const RUN_TABLES = `runs r
  join experiments e on e.id = r.experiment_id
  join projects p on p.id = e.project_id
  left join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
  left join runs parent on parent.key = r.parent_key`

const Flat = z.record(z.string(), Json)

export function runRecord(row: RunRow): RunRecord {
  const { sweep_id: sweepId, trial, trial_state: state } = row
  return {
    id: row.id,
    key: row.key,
    experimentId: row.experiment_id,
    experiment: row.experiment,
    project: row.project,
    name: row.name,
    group: row.group_name,
    status: row.status,
    parentRunId: row.parent_id,
    trial: sweepId === null || trial === null || state === null ? null : { sweepId, number: trial, state },
    params: Flat.parse(row.params),
    tags: Tags.parse(row.tags),
    createdBy: row.created_by,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    deletedAt: row.deleted_at,
    archivedAt: row.archived_at,
    thinnedAt: row.thinned_at,
  }
}
