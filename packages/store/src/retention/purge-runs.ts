import type { Queryable } from '../database.ts'

export interface Purged {
  readonly runs: number
  /** Versions of files; their bytes go when nothing else refers to them. */
  readonly files: number
  readonly bytes: number
}

const LOCK = {
  name: 'retention-purge-lock',
  text: `select r.key, r.id, r.sweep_id is not null as is_trial
           from runs r left join sweeps s on s.id = r.sweep_id
          where r.key = any($1) and r.deleted_at <= $2 and r.purged_at is null
            and (r.sweep_id is null or s.ended_at is not null)
          order by r.key for update of r`,
}
const STREAMS = {
  name: 'retention-purge-streams',
  text: `select a.key from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
           join attempts a on a.id = any(array(select r.id || '-' || n from generate_series(1, t.attempts) n))
          where r.key = any($1)
         union all select attempt_key from run_streams where run_key = any($1)`,
}
const FILES = {
  name: 'retention-purge-files',
  text: `select count(*)::int as files, coalesce(sum(size_bytes), 0)::int8 as bytes from (
           select size_bytes from artifacts where run_key = any($1)
           union all select size_bytes from artifact_versions where run_key = any($1)) f`,
}
const BY_STREAM = ['metric_chunks', 'metric_batches', 'metric_summaries', 'metric_compactions', 'log_chunks'] as const
const BY_RUN = [
  'run_metrics',
  'run_findings',
  'event_findings',
  'health_due',
  'artifact_aliases',
  'artifact_versions',
  'artifacts',
  'run_details',
  'run_writers',
  'run_streams',
  'logged_models',
  'logged_requests',
  'mlflow_runs',
] as const

/**
 * Removes runs for good that were deleted before a time: points, files, findings, all. Of the run of a trial whose sweep
 * is over the row stays, as do the trial and what the sweep knows of it. To be called in a transaction.
 */
export async function purgeRuns(tx: Queryable, keys: readonly number[], deletedBefore: Date): Promise<Purged> {
  const { rows } = await tx.query<{ key: number; id: string; is_trial: boolean }>(LOCK, [keys, deletedBefore])
  if (rows.length === 0) return { runs: 0, files: 0, bytes: 0 }
  const locked = rows.map(({ key }) => key)
  const ids = rows.map(({ id }) => id)
  const streams = (await tx.query<{ key: number }>(STREAMS, [locked])).rows.map(({ key }) => key)
  const counted = (await tx.query<{ files: number; bytes: number }>(FILES, [locked])).rows[0]
  for (const table of BY_STREAM) await tx.query(`delete from ${table} where attempt_key = any($1)`, [streams])
  for (const column of ['run_key', 'source_key'] as const) {
    await tx.query(`delete from artifact_uses where ${column} = any($1)`, [locked])
  }
  for (const table of BY_RUN) await tx.query(`delete from ${table} where run_key = any($1)`, [locked])
  await tx.query('delete from event_thresholds where run_id = any($1)', [ids])
  await tx.query(
    `delete from checkpoints c using runs r where r.key = any($1) and c.sweep_id = r.sweep_id and c.trial = r.trial`,
    [locked],
  )
  await tx.query('update runs set parent_key = null where parent_key = any($1)', [locked])
  await tx.query('update runs set purged_at = clock_timestamp() where key = any($1) and sweep_id is not null', [locked])
  await tx.query('delete from runs where key = any($1) and sweep_id is null', [locked])
  return { runs: rows.length, files: counted?.files ?? 0, bytes: counted?.bytes ?? 0 }
}
