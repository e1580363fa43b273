import { SweepError } from '@sweep/spec/errors'
import type { ExperimentId, RunId } from '@sweep/spec/ids'
import { isOver, type RunEnd, type RunStatus } from '@sweep/spec/tracking/run-status'
import type { CreateRun } from '@sweep/spec/wire/tracking/runs'
import type { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { experimentOf } from './experiments.ts'
import { writeDetails } from './run-details.ts'
import { forgetLoss } from './run-loss.ts'
import { RUN_COLUMNS, RUN_STATUS, RUN_TABLES, type RunRecord, type RunRow, runRecord } from './run-record.ts'

export type NewRun = Omit<z.output<typeof CreateRun>, 'id'> & {
  /** From `newId`, or of the caller's making. */
  readonly id: RunId
  /** For the experiment, should it have to be made. */
  readonly newExperimentId: ExperimentId
  readonly createdBy: string
}

/**
 * Makes a run outside of any sweep.
 * @returns the run, and whether it was made by this call: a run of this id in the same experiment is shown as it is
 * @throws SweepError `not-found` for an experiment or parent that is not there, `conflict` for an id that is taken
 */
export async function createRun(
  database: Database,
  run: NewRun,
): Promise<{ readonly run: RunRecord; readonly created: boolean }> {
  const created = await database.tx(async (tx) => {
    const experimentId = await experimentIdOf(tx, run)
    const parentKey = run.parentRunId === undefined ? null : await keyOfParent(tx, run.parentRunId)
    const { rows } = await tx.query<{ key: number }>(INSERT, [
      run.id,
      experimentId,
      run.name && plainText(run.name),
      run.group && plainText(run.group),
      run.status,
      parentKey,
      jsonText(run.params ?? {}),
      jsonText(run.tags ?? {}),
      run.createdBy,
      run.status === 'running' ? (run.startedAt ?? null) : null,
    ])
    const key = rows[0]?.key
    if (key === undefined) {
      await refuseForeign(tx, run.id, experimentId)
      return false
    }
    const { notes, source, environment } = run
    await writeDetails(tx, key, { notes, source, environment })
    return true
  })
  return { run: await getRun(database, run.id), created }
}

const INSERT = {
  name: 'run-insert',
  text: `insert into runs (id, experiment_id, name, group_name, status, parent_key, params, tags, created_by, started_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, case when $5 = 'running' then coalesce($10::timestamptz, now()) end)
         on conflict (id) do nothing returning key`,
}

/** A child that names no experiment is in that of its parent. */
async function experimentIdOf(tx: Queryable, run: NewRun): Promise<ExperimentId> {
  const namesNone = run.experimentId === undefined && run.experiment === undefined && run.project === undefined
  if (namesNone && run.parentRunId !== undefined) {
    const { rows } = await tx.query<{ experiment_id: ExperimentId }>('select experiment_id from runs where id = $1', [
      run.parentRunId,
    ])
    if (rows[0] === undefined) throw noParent(run.parentRunId)
    return rows[0].experiment_id
  }
  if (run.experimentId === undefined) {
    const { id } = await experimentOf(tx, {
      id: run.newExperimentId,
      project: run.project ?? 'default',
      name: run.experiment ?? 'default',
      ifExists: 'show',
      createdBy: run.createdBy,
    })
    return id
  }
  const { rows } = await tx.query('select 1 from experiments where id = $1', [run.experimentId])
  if (rows.length === 0) throw new SweepError('not-found', `there is no experiment ${run.experimentId}`)
  return run.experimentId
}

export async function keyOfParent(tx: Queryable, id: RunId): Promise<number> {
  const { rows } = await tx.query<{ key: number }>('select key from runs where id = $1', [id])
  if (rows[0] === undefined) throw noParent(id)
  return rows[0].key
}

function noParent(id: RunId): SweepError {
  return new SweepError('not-found', `there is no run ${id} to be the parent`)
}

const BELOW = {
  name: 'run-below',
  text: `with recursive above (key) as (
           select parent_key from runs where id = $1 and parent_key is not null
           union select r.parent_key from above a join runs r on r.key = a.key where r.parent_key is not null)
         select 1 from above a join runs r on r.key = a.key where r.id = $2`,
}

/** Whether a run is a child of another, or a child's child. */
export async function isRunBelow(database: Queryable, id: RunId, above: RunId): Promise<boolean> {
  const { rows } = await database.query(BELOW, [id, above])
  return rows.length > 0
}

async function refuseForeign(tx: Queryable, id: RunId, experimentId: ExperimentId): Promise<void> {
  const { rows } = await tx.query('select 1 from runs where id = $1 and experiment_id = $2', [id, experimentId])
  if (rows.length === 0) throw new SweepError('conflict', `run ${id} is there already, in another experiment`)
}

export async function findRun(database: Queryable, id: RunId): Promise<RunRecord | undefined> {
  const { rows } = await database.query<RunRow>(
    { name: 'run-get', text: `select ${RUN_COLUMNS} from ${RUN_TABLES} where r.id = $1` },
    [id],
  )
  return rows[0] && runRecord(rows[0])
}

/** Deleted ones too. Throws `not-found`. */
export async function getRun(database: Queryable, id: RunId): Promise<RunRecord> {
  const run = await findRun(database, id)
  if (run === undefined) throw noRun(id)
  return run
}

export function noRun(id: RunId): SweepError {
  return new SweepError('not-found', `there is no run ${id}`)
}

/** What a write has to know of a run, which stays locked until the transaction ends. */
export interface LockedRun {
  readonly key: number
  readonly status: RunStatus
  readonly params: unknown
  readonly tags: unknown
  /** Its trial decides what becomes of it. */
  readonly is_trial: boolean
  /** It has failed only because nothing was heard of it; see run-heartbeats.ts. */
  readonly is_lost: boolean
  readonly deleted_at: Date | null
}

const LOCK = {
  name: 'run-lock',
  text: `select r.key, ${RUN_STATUS} as status, coalesce(r.params, t.config) as params, r.tags,
                r.sweep_id is not null as is_trial, r.deleted_at,
                h.lost_at is not null and r.status = 'failed' as is_lost
           from runs r left join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
           left join run_heartbeats h on h.run_key = r.key
          where r.id = $1 for no key update of r`,
}

/** Throws `not-found`; `conflict` when it is deleted. */
export async function lockRun(tx: Queryable, id: RunId): Promise<LockedRun> {
  const run = await lockAnyRun(tx, id)
  if (run.deleted_at !== null) {
    throw new SweepError('conflict', `run ${id} is deleted`, { hint: 'Restore it first.' })
  }
  return run
}

async function lockAnyRun(tx: Queryable, id: RunId): Promise<LockedRun> {
  const { rows } = await tx.query<LockedRun>(LOCK, [id])
  if (rows[0] === undefined) throw noRun(id)
  return rows[0]
}

const END = {
  name: 'run-end',
  text: `update runs set status = $2, started_at = coalesce(started_at, created_at),
                ended_at = coalesce($3::timestamptz, now()) where key = $1 and status = any($4)`,
}

/**
 * Ends a run of its own. Safe to repeat: a run that has ended that way stays as it is. How a run ended that was given up
 * as lost, its program knows better.
 * @throws SweepError `not-found`; `conflict` for a trial's run, or one that has ended another way
 */
export async function endRun(
  database: Database,
  id: RunId,
  end: { readonly status: RunEnd; readonly message?: string | undefined; readonly endedAt?: string | undefined },
): Promise<void> {
  await database.tx(async (tx) => {
    const run = await lockRun(tx, id)
    if (run.is_trial) throw ofTrial(id, 'it ends with its trial')
    if (run.status === end.status && !run.is_lost) return
    if (isOver(run.status) && !run.is_lost) {
      throw new SweepError('conflict', `run ${id} is over: it has ${ended(run.status)}`, {
        hint: 'To go on with it, set its status to running first.',
      })
    }
    await tx.query(END, [run.key, end.status, end.endedAt, ['pending', 'running', ...(run.is_lost ? ['failed'] : [])]])
    if (run.is_lost) {
      await tx.query('update run_details set message = null where run_key = $1', [run.key])
      await forgetLoss(tx, run.key)
    }
    if (end.message !== undefined) await writeDetails(tx, run.key, { message: end.message })
    await queuePacking(tx, run.key)
  })
}

function ended(status: RunEnd): string {
  return status === 'killed' ? 'been killed' : status
}

/** Of a run's own points, which are in the summaries already; and a last look at how it was. */
export async function queuePacking(tx: Queryable, key: number): Promise<void> {
  await tx.query(
    {
      name: 'run-health',
      text: 'insert into health_due (run_key) select run_key from run_streams where run_key = $1 on conflict do nothing',
    },
    [key],
  )
  await tx.query(
    {
      name: 'run-pack',
      text: `insert into metric_compactions (attempt_key) select attempt_key from run_streams
              where run_key = $1 and batches > 1 on conflict do nothing`,
    },
    [key],
  )
}

/**
 * Hides a run from lists, with all that it has. Safe to repeat.
 * @throws SweepError `not-found`; `conflict` for the run of a trial that is not over
 */
export async function deleteRun(database: Database, id: RunId): Promise<void> {
  await database.tx(async (tx) => {
    const run = await lockAnyRun(tx, id)
    if (run.is_trial && !isOver(run.status)) throw ofTrial(id, 'the trial is not over')
    await tx.query('update runs set deleted_at = coalesce(deleted_at, now()) where key = $1', [run.key])
  })
}

/**
 * Puts a run away: lists leave it out unless they are asked for it. Safe to repeat.
 * @throws SweepError `not-found`; `conflict` when it is deleted, or not over
 */
export async function archiveRun(database: Database, id: RunId): Promise<void> {
  await database.tx(async (tx) => {
    const run = await lockRun(tx, id)
    if (!isOver(run.status)) {
      throw new SweepError('conflict', `run ${id} is ${run.status}, and only runs that are over can be archived`)
    }
    await tx.query('update runs set archived_at = coalesce(archived_at, now()) where key = $1', [run.key])
  })
}

/**
 * Shows a run again that was deleted or archived. The policy of its project does not archive it a second time. Safe to
 * repeat. Throws `not-found`; `conflict` for the run of a trial whose points and files are gone.
 */
export async function restoreRun(database: Database, id: RunId): Promise<void> {
  await database.tx(async (tx) => {
    await lockAnyRun(tx, id)
    const { rowCount } = await tx.query(
      `update runs set deleted_at = null, archived_at = null, is_kept = is_kept or archived_at is not null
        where id = $1 and purged_at is null`,
      [id],
    )
    if (rowCount === 1) return
    throw new SweepError('conflict', `run ${id} was deleted so long ago that its points and files are gone`, {
      hint: 'settings.deleted of its project says when they go. The trial itself is still there.',
    })
  })
}

/** A write that the trial's own life forbids. */
export function ofTrial(id: RunId, why: string): SweepError {
  return new SweepError('conflict', `run ${id} is the run of a trial: ${why}`, {
    hint: 'Pause, stop, prune, cancel or retry the trial instead.',
  })
}
