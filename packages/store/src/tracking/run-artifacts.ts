import { SweepError } from '@sweep/spec/errors'
import type { AttemptId, RunId } from '@sweep/spec/ids'
import { ArtifactMetadata, type ChangeArtifact, type NoteArtifact } from '@sweep/spec/wire/tracking/artifacts'
import type { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { holdObject, objectName } from '../objects.ts'
import { lockRun } from './runs.ts'

export interface RunArtifact {
  readonly path: string
  readonly version: number
  readonly type: string
  readonly sizeBytes: number
  readonly sha256: string
  readonly metadata: ArtifactMetadata
  /** With `latest` for the newest. */
  readonly aliases: readonly string[]
  readonly createdAt: Date
}

interface Row {
  readonly path: string
  readonly version: number
  readonly type: string
  readonly size_bytes: number
  readonly sha256: string
  readonly metadata: unknown
  readonly aliases: string[]
  readonly is_latest: boolean
  readonly created_at: Date
}

const ALIASES = (table: string) => `array(select n.alias from artifact_aliases n
  where n.run_key = ${table}.run_key and n.path = ${table}.path and n.version = ${table}.version order by n.alias)`
const fields = (
  table: string,
  isLatest: boolean,
) => `${table}.path, ${table}.version, ${table}.type, ${table}.size_bytes,
  encode(${table}.sha256, 'hex') as sha256, ${table}.metadata, ${ALIASES(table)} as aliases,
  ${isLatest} as is_latest, ${table}.created_at`

function artifactOf(row: Row): RunArtifact {
  return {
    path: row.path,
    version: row.version,
    type: row.type,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    metadata: ArtifactMetadata.parse(row.metadata),
    aliases: row.is_latest ? [...row.aliases, 'latest'] : row.aliases,
    createdAt: row.created_at,
  }
}

const CURRENT = {
  name: 'run-artifact-current',
  text: `select f.version, f.sha256 = $3 as is_same from artifacts f where f.run_key = $1 and f.path = $2 for update`,
}
const KEEP_OLD = {
  name: 'run-artifact-keep-old',
  text: `insert into artifact_versions (run_key, path, version, type, metadata, size_bytes, sha256, created_at)
         select run_key, path, version, type, metadata, size_bytes, sha256, created_at from artifacts
          where run_key = $1 and path = $2 on conflict do nothing`,
}
const IS_SAME = 'f.sha256 = excluded.sha256'
const WRITE = {
  name: 'run-artifact-write',
  text: `insert into artifacts as f (run_key, attempt_id, path, size_bytes, sha256, location, type, metadata)
         select $1, $2, $3, o.size_bytes, o.sha256, 'sha256:' || encode(o.sha256, 'hex'), coalesce($5, 'file'),
                coalesce($6::jsonb, '{}')
           from objects o where o.sha256 = $4
         on conflict (run_key, path) do update set attempt_id = excluded.attempt_id, size_bytes = excluded.size_bytes,
           sha256 = excluded.sha256, location = excluded.location,
           type = case when ${IS_SAME} and $5 is null then f.type else excluded.type end,
           metadata = case when ${IS_SAME} and $6 is null then f.metadata else excluded.metadata end,
           version = case when ${IS_SAME} then f.version else f.version + 1 end,
           created_at = case when ${IS_SAME} then f.created_at else now() end`,
}

/**
 * Notes a file of a run whose bytes the object store has. Other bytes than the path had are a new version of it; the
 * same bytes change only what is said of them.
 * @param attemptId the attempt whose program has uploaded it
 * @returns the artifact, and whether this is a new version
 * @throws SweepError `not-found` for the run or the bytes, `conflict` when the run is deleted
 */
export async function noteArtifact(
  database: Database,
  runId: RunId,
  artifact: z.output<typeof NoteArtifact>,
  attemptId: AttemptId | null,
): Promise<{ readonly artifact: RunArtifact; readonly isNew: boolean }> {
  const { sha256, type, metadata, aliases } = artifact
  const name = objectName(sha256)
  const path = plainText(artifact.path)
  const stored = await database.tx(async (tx) => {
    const run = await lockRun(tx, runId)
    if (!(await holdObject(tx, name))) {
      throw new SweepError('not-found', `the object store has no object ${sha256}`, {
        hint: 'Upload the bytes first, with PUT /objects/{sha256}.',
      })
    }
    const before = (await tx.query<{ version: number; is_same: boolean }>(CURRENT, [run.key, path, name])).rows[0]
    if (before?.is_same === false) await tx.query(KEEP_OLD, [run.key, path])
    const said = [type === undefined ? null : plainText(type), metadata === undefined ? null : jsonText(metadata)]
    await tx.query(WRITE, [run.key, attemptId, path, name, ...said])
    const version = before === undefined ? 1 : before.version + (before.is_same ? 0 : 1)
    await setAliases(tx, run.key, path, version, aliases)
    return { key: run.key, version, isNew: before?.is_same !== true }
  })
  return { artifact: await requireArtifact(database, runId, stored.key, path, stored.version), isNew: stored.isNew }
}

async function setAliases(
  tx: Queryable,
  key: number,
  path: string,
  version: number,
  aliases: readonly string[],
): Promise<void> {
  if (aliases.length === 0) return
  await tx.query(
    {
      name: 'run-artifact-aliases',
      text: `insert into artifact_aliases (run_key, path, alias, version) select $1, $2, unnest($3::text[]), $4
             on conflict (run_key, path, alias) do update set version = excluded.version`,
    },
    [key, path, [...new Set(aliases)], version],
  )
}

/** Changes what is said of a version. Throws `not-found`, or `conflict` when the run is deleted. */
export async function changeArtifact(
  database: Database,
  runId: RunId,
  path: string,
  version: string,
  change: z.output<typeof ChangeArtifact>,
): Promise<RunArtifact> {
  const stored = await database.tx(async (tx) => {
    const { key } = await lockRun(tx, runId)
    const found = await requireArtifact(tx, runId, key, path, version)
    const type = change.type === undefined ? null : plainText(change.type)
    const values = [key, path, found.version, type, change.metadata && jsonText(change.metadata)]
    for (const table of ['artifacts', 'artifact_versions'] as const) {
      await tx.query(
        {
          name: `run-artifact-change-${table}`,
          text: `update ${table} set type = coalesce($4, type), metadata = coalesce($5::jsonb, metadata)
                  where run_key = $1 and path = $2 and version = $3`,
        },
        values,
      )
    }
    await tx.query(
      'delete from artifact_aliases where run_key = $1 and path = $2 and version = $3 and alias = any($4)',
      [key, path, found.version, change.removeAliases ?? []],
    )
    await setAliases(tx, key, path, found.version, change.aliases ?? [])
    return { key, version: found.version }
  })
  return requireArtifact(database, runId, stored.key, path, stored.version)
}

/** All versions of a file. Throws `not-found`, or `conflict` when the run is deleted. */
export async function deleteArtifact(database: Database, runId: RunId, path: string): Promise<void> {
  await database.tx(async (tx) => {
    const { key } = await lockRun(tx, runId)
    await requireArtifact(tx, runId, key, path, 'latest')
    for (const table of ['artifact_aliases', 'artifact_versions', 'artifacts'] as const) {
      await tx.query(`delete from ${table} where run_key = $1 and path = $2`, [key, path])
    }
  })
}

const NEWEST = {
  name: 'run-artifacts-newest',
  text: `select ${fields('f', true)} from artifacts f
          where f.run_key = $1 and ($2::text is null or f.path collate "C" > $2)
            and ($3::text is null or starts_with(f.path, $3))
          order by f.path collate "C" limit $4`,
}

/** The newest version of each file, by path; those whose path begins with `prefix`, at most `limit` after `after`. */
export async function listRunArtifacts(
  database: Queryable,
  runKey: number,
  page: { readonly prefix?: string; readonly after?: string; readonly limit: number },
): Promise<RunArtifact[]> {
  const { rows } = await database.query<Row>(NEWEST, [runKey, page.after, page.prefix, page.limit])
  return rows.map(artifactOf)
}

const VERSIONS = {
  name: 'run-artifact-versions',
  text: `select ${fields('f', true)} from artifacts f where f.run_key = $1 and f.path = $2
         union all
         select ${fields('v', false)} from artifact_versions v where v.run_key = $1 and v.path = $2
          order by version desc`,
}

/** All versions of one file, newest first. */
export async function artifactVersions(database: Queryable, runKey: number, path: string): Promise<RunArtifact[]> {
  const { rows } = await database.query<Row>(VERSIONS, [runKey, path])
  return rows.map(artifactOf)
}

/** @param version a number, an alias, or `latest` */
export async function requireArtifact(
  database: Queryable,
  runId: RunId,
  runKey: number,
  path: string,
  version: string | number,
): Promise<RunArtifact> {
  const versions = await artifactVersions(database, runKey, path)
  const found = versions.find((one) => String(one.version) === String(version) || one.aliases.includes(String(version)))
  if (found !== undefined) return found
  const what = versions.length === 0 ? '' : ` in a version ${JSON.stringify(version)}`
  throw new SweepError('not-found', `run ${runId} has no artifact ${JSON.stringify(path)}${what}`)
}
