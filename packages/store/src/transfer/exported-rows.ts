import type { RunId } from '@sweep/spec/ids'
import type { ArtifactMetadata } from '@sweep/spec/wire/tracking/artifacts'
import type { Queryable } from '../database.ts'
import { RUN_COLUMNS, RUN_TABLES, type RunRecord, type RunRow, runRecord } from '../tracking/run-record.ts'

const RUNS = {
  name: 'export-runs',
  text: `select ${RUN_COLUMNS}, parent.deleted_at is null and exists (select from experiments pe
                 where pe.id = parent.experiment_id and pe.project_id = e.project_id) as is_parent_inside
           from ${RUN_TABLES} where e.project_id = $1 and r.deleted_at is null and r.key > $2 order by r.key limit $3`,
}

/** Runs of a project in the order they were made, without deleted ones; a parent that does not come along is left out. */
export async function runsOfProject(
  database: Queryable,
  projectId: number,
  after: number,
  limit: number,
): Promise<RunRecord[]> {
  const { rows } = await database.query<RunRow & { is_parent_inside: boolean }>(RUNS, [projectId, after, limit])
  return rows.map(({ is_parent_inside, ...row }) => runRecord(is_parent_inside ? row : { ...row, parent_id: null }))
}

/** By metric, the steps that were taken together when points of a run were dropped. */
export async function thinnedStepsOf(database: Queryable, runKey: number): Promise<Record<string, number>> {
  const { rows } = await database.query<{ name: string; thinned_steps: number }>(
    {
      name: 'export-thinned',
      text: `select n.name, m.thinned_steps from run_metrics m join metric_names n on n.id = m.name_id
              where m.run_key = $1 and m.thinned_steps is not null`,
    },
    [runKey],
  )
  return Object.fromEntries(rows.map(({ name, thinned_steps }) => [name, thinned_steps]))
}

export interface ExportedArtifact {
  readonly path: string
  readonly version: number
  readonly type: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly metadata: ArtifactMetadata
  readonly aliases: readonly string[]
  readonly createdAt: Date
}

const ARTIFACTS = {
  name: 'export-artifacts',
  text: `select f.path, f.version, f.type, f.size_bytes as "sizeBytes", encode(f.sha256, 'hex') as sha256, f.metadata,
                array(select n.alias from artifact_aliases n where n.run_key = $1 and n.path = f.path
                  and n.version = f.version order by n.alias) as aliases, f.created_at as "createdAt"
           from (select path, version, type, size_bytes, sha256, metadata, created_at from artifacts where run_key = $1
                 union all
                 select path, version, type, size_bytes, sha256, metadata, created_at from artifact_versions
                  where run_key = $1) f
          order by f.path collate "C", f.version`,
}

/** All versions of all files of a run, by path; of each the newest last. */
export async function artifactsOfRun(database: Queryable, runKey: number): Promise<ExportedArtifact[]> {
  return (await database.query<ExportedArtifact>(ARTIFACTS, [runKey])).rows
}

export interface ExportedUse {
  readonly sourceRunId: RunId
  readonly path: string
  readonly version: number
  readonly at: Date
}

/** What a run has read of runs of its project. */
export async function usesOfRun(database: Queryable, projectId: number, runKey: number): Promise<ExportedUse[]> {
  const { rows } = await database.query<ExportedUse>(
    {
      name: 'export-uses',
      text: `select s.id as "sourceRunId", u.path, u.version, u.created_at as at
               from artifact_uses u join runs s on s.key = u.source_key join experiments e on e.id = s.experiment_id
              where u.run_key = $1 and e.project_id = $2 and s.deleted_at is null
              order by u.created_at, s.key, u.path, u.version`,
    },
    [runKey, projectId],
  )
  return rows
}
