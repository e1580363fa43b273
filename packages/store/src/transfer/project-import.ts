import { SweepError } from '@sweep/spec/errors'
import type { ExperimentId, RunId } from '@sweep/spec/ids'
import type { RunStatus } from '@sweep/spec/tracking/run-status'
import type { ArtifactMetadata } from '@sweep/spec/wire/tracking/artifacts'
import type { JudgedBy, ProjectSettings, Tags } from '@sweep/spec/wire/tracking/projects'
import type { RunResources, RunSource } from '@sweep/spec/wire/tracking/runs'
import type { Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { holdObject, objectName } from '../objects.ts'
import { isDuplicate } from '../store-error.ts'

/** Rows of a project as they are brought in from elsewhere; times are texts as in JSON. */
export interface ImportedProject {
  readonly name: string
  readonly description: string
  readonly owner: string | null
  readonly team: string | null
  readonly tags: Tags
  readonly settings: ProjectSettings
  readonly createdAt: string
}

export interface ImportedExperiment {
  readonly id: ExperimentId
  readonly name: string
  readonly description: string
  readonly hypothesis: string
  readonly status: string
  readonly tags: Tags
  readonly metric: JudgedBy | null
  readonly createdBy: string | null
  readonly createdAt: string
}

export interface ImportedRun {
  readonly id: RunId
  readonly experimentId: ExperimentId
  readonly name: string | null
  readonly group: string | null
  readonly status: RunStatus
  readonly params: Readonly<Record<string, unknown>>
  readonly tags: Tags
  readonly notes: string
  readonly message: string | null
  readonly source: RunSource | null
  readonly environment: Readonly<Record<string, unknown>>
  readonly resources: RunResources
  readonly createdBy: string | null
  readonly createdAt: string
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly archivedAt: string | null
  readonly thinnedAt: string | null
}

export interface ImportedArtifact {
  readonly runKey: number
  readonly path: string
  readonly version: number
  readonly type: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly metadata: ArtifactMetadata
  readonly aliases: readonly string[]
  readonly createdAt: string
}

/** Ids of experiments and runs that there are already. */
export async function takenIds(database: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>(
    {
      name: 'import-taken',
      text: 'select id from runs where id = any($1) union all select id from experiments where id = any($1)',
    },
    [ids],
  )
  return new Set(rows.map(({ id }) => id))
}

/** Throws `conflict` for a name that there is already. @returns its id */
export async function importProject(tx: Queryable, project: ImportedProject): Promise<number> {
  // Nobody is told of runs that have not happened now.
  await tx.query(`set local sweep.quiet = 'on'`)
  // Rows are read in between, on a busy server slowly; it holds no lock that a sweep waits for.
  await tx.query(`set local idle_in_transaction_session_timeout = '2min'`)
  const inserting = tx.query<{ id: number }>(
    `insert into projects (name, description, owner, team, tags, settings, created_at)
     values ($1, $2, $3, $4, $5, $6, $7) returning id`,
    [
      plainText(project.name),
      plainText(project.description),
      project.owner && plainText(project.owner),
      project.team && plainText(project.team),
      jsonText(project.tags),
      jsonText(project.settings),
      project.createdAt,
    ],
  )
  const { rows } = await inserting.catch((error: unknown) => {
    throw isDuplicate(error) ? projectTaken(project.name) : error
  })
  return rows[0]?.id ?? 0
}

export function projectTaken(name: string): SweepError {
  return new SweepError('conflict', `there is a project called ${JSON.stringify(name)} already`, {
    hint: 'Bring it in under another name: with --name, or ?name= in the address.',
  })
}

/** As experiments of runs: what a sweep decided stays where it was decided. */
export async function importExperiments(
  tx: Queryable,
  projectId: number,
  experiments: readonly ImportedExperiment[],
): Promise<void> {
  await tx.query(
    `insert into experiments (id, project_id, name, kind, description, hypothesis, status, tags, metric, created_by, created_at)
     select x.id, $1, x.name, 'runs', x.description, x.hypothesis, x.status, x.tags, x.metric, x."createdBy", x."createdAt"
       from jsonb_to_recordset($2::jsonb) as x (id text, name text, description text, hypothesis text, status text,
         tags jsonb, metric jsonb, "createdBy" text, "createdAt" timestamptz)`,
    // A null in JSON would be a null of JSON.
    [
      projectId,
      jsonText(experiments.map(({ metric, ...rest }) => ({ ...rest, ...(metric === null ? {} : { metric }) }))),
    ],
  )
}

/** @returns the keys of the runs, in their order */
export async function importRuns(tx: Queryable, runs: readonly ImportedRun[]): Promise<number[]> {
  const { rows } = await tx.query<{ key: number }>(
    `insert into runs (id, experiment_id, name, group_name, status, params, tags, resources, created_by, created_at,
       started_at, ended_at, archived_at, thinned_at)
     select x.item ->> 'id', x.item ->> 'experimentId', x.item ->> 'name', x.item ->> 'group', x.item ->> 'status',
            x.item -> 'params', x.item -> 'tags', x.item -> 'resources', x.item ->> 'createdBy',
            (x.item ->> 'createdAt')::timestamptz, (x.item ->> 'startedAt')::timestamptz,
            (x.item ->> 'endedAt')::timestamptz, (x.item ->> 'archivedAt')::timestamptz,
            (x.item ->> 'thinnedAt')::timestamptz
       from jsonb_array_elements($1::jsonb) with ordinality as x (item, n) order by x.n returning key`,
    [jsonText(runs)],
  )
  const keys = rows.map(({ key }) => key).sort((a, b) => a - b)
  const details = runs.map(({ notes, message, source, environment }, n) => ({
    ...{ run_key: keys[n], notes, message, environment },
    ...(source === null ? {} : { source }),
  }))
  await tx.query(
    `insert into run_details (run_key, notes, message, source, environment)
     select * from jsonb_to_recordset($1::jsonb) as x (run_key int8, notes text, message text, source jsonb, environment jsonb)`,
    [jsonText(details)],
  )
  return keys
}

export async function importParents(
  tx: Queryable,
  links: readonly (readonly [key: number, parent: number])[],
): Promise<void> {
  if (links.length === 0) return
  await tx.query(
    `update runs r set parent_key = x.parent from unnest($1::int8[], $2::int8[]) as x (key, parent) where r.key = x.key`,
    [links.map(([key]) => key), links.map(([, parent]) => parent)],
  )
}

/**
 * Versions of one file, ascending; the last is the newest.
 * @throws SweepError `invalid-request` for bytes that the object store does not have, or that are not as long
 */
export async function importArtifact(tx: Queryable, versions: readonly ImportedArtifact[]): Promise<void> {
  for (const [n, artifact] of versions.entries()) {
    const { runKey, path, version, type, sizeBytes, sha256, metadata, aliases, createdAt } = artifact
    const isNewest = n === versions.length - 1
    const name = objectName(sha256)
    const isThere = await holdObject(tx, name)
    const { rowCount } = await tx.query(
      isNewest
        ? `insert into artifacts (run_key, path, version, type, metadata, size_bytes, sha256, created_at, location)
           select $1, $2, $3, $4, $5, o.size_bytes, o.sha256, $6, 'sha256:' || encode(o.sha256, 'hex')
             from objects o where o.sha256 = $7 and o.size_bytes = $8`
        : `insert into artifact_versions (run_key, path, version, type, metadata, size_bytes, sha256, created_at)
           select $1, $2, $3, $4, $5, o.size_bytes, o.sha256, $6 from objects o where o.sha256 = $7 and o.size_bytes = $8`,
      [runKey, plainText(path), version, plainText(type), jsonText(metadata), createdAt, name, sizeBytes],
    )
    if (!isThere || rowCount !== 1) {
      throw new SweepError('invalid-request', `${JSON.stringify(path)} is said to be ${sizeBytes} bytes of ${sha256}`, {
        hint: 'The archive has no such bytes. Nothing was stored.',
      })
    }
    await tx.query(
      'insert into artifact_aliases (run_key, path, alias, version) select $1, $2, unnest($3::text[]), $4',
      [runKey, plainText(path), aliases.map(plainText), version],
    )
  }
}

export async function importUses(
  tx: Queryable,
  uses: readonly {
    readonly runKey: number
    readonly sourceKey: number
    readonly path: string
    readonly version: number
    readonly at: string
  }[],
): Promise<void> {
  await tx.query(
    `insert into artifact_uses (run_key, source_key, path, version, created_at)
     select x."runKey", x."sourceKey", x.path, x.version, x.at from jsonb_to_recordset($1::jsonb)
       as x ("runKey" int8, "sourceKey" int8, path text, version int, at timestamptz)`,
    [jsonText(uses)],
  )
}
