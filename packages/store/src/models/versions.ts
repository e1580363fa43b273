import { createHash } from 'node:crypto'
import { SweepError } from '@sweep/spec/errors'
import type { RunId } from '@sweep/spec/ids'
import type { ModelName } from '@sweep/spec/models/names'
import { encodeMetric, type Json } from '@sweep/spec/number'
import type { ChangeModelVersion, ModelOrigin } from '@sweep/spec/wire/tracking/models'
import type { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { objectName } from '../objects.ts'
import { tagChange } from '../tracking/projects.ts'
import { lockRun } from '../tracking/runs.ts'
import { noteHappening } from './history.ts'
import { createModel, inProduction, lockModel } from './models.ts'
import { getVersion, type ModelVersionRecord, noVersion, versionNamed } from './version-record.ts'

/** Most files of one version. */
const MOST_FILES = 10_000

export interface NewVersion {
  readonly model: ModelName
  /** Whether the model is made when there is none of this name. */
  readonly makesModel: boolean
  /** The run that has made it, and the file or folder among its files; null for files that are not kept here. */
  readonly made: { readonly runId: RunId; readonly path: string | null } | null
  /** Its files are those of this version, instead of those that the run has now. */
  readonly copyOf?: Pick<ModelVersionRecord, 'modelKey' | 'version'>
  readonly source: string | null
  /** Whether the same files of the run, registered before, are the version there is. */
  readonly isSameAgain: boolean
  readonly framework: string | null
  readonly signature: Json
  readonly dataVersion: string | null
  readonly description: string
  readonly tags: Readonly<Record<string, string>>
  readonly aliases: readonly string[]
  readonly origin: ModelOrigin
  readonly createdBy: string
}

/**
 * Registers a version, which begins in dev. Its files are kept as they are now, whatever becomes of those of the run.
 * @returns the version, and whether it was made by this call
 * @throws SweepError `not-found` for the model, the run or the files; `conflict` when the run is deleted, or has too many
 */
export async function registerVersion(
  database: Database,
  version: NewVersion,
): Promise<{ readonly version: ModelVersionRecord; readonly created: boolean }> {
  const { model, made } = version
  const stored = await database.tx(async (tx) => {
    const run = made === null ? null : await lockRun(tx, made.runId)
    const files = await filesOf(tx, version, run?.key)
    if (version.makesModel) {
      const { createdBy } = version
      await createModel(tx, { name: model, description: '', tags: {}, ifExists: 'show', createdBy })
    }
    const key = await lockModel(tx, model)
    const fingerprint = fingerprintOf(files)
    if (version.isSameAgain) {
      const { rows } = await tx.query<{ version: number }>(SAME, [key, run?.key, made?.path, fingerprint])
      if (rows[0] !== undefined) {
        await setAliases(tx, key, rows[0].version, version.aliases)
        return { number: rows[0].version, created: false }
      }
    }
    const number = await insert(tx, key, run?.key ?? null, fingerprint, version)
    await keepFiles(tx, key, number, files)
    await setAliases(tx, key, number, version.aliases)
    await noteHappening(tx, { modelKey: key, version: number, kind: 'registered', to: 'dev', by: version.createdBy })
    return { number, created: true }
  })
  return { version: await getVersion(database, model, stored.number), created: stored.created }
}

async function filesOf(tx: Queryable, { made, copyOf }: NewVersion, runKey: number | undefined): Promise<ModelFile[]> {
  if (copyOf !== undefined) return modelFiles(tx, copyOf)
  if (made === null || made.path === null || runKey === undefined) return []
  return filesBelow(tx, made.runId, runKey, made.path)
}

async function filesBelow(tx: Queryable, runId: RunId, runKey: number, path: string): Promise<ModelFile[]> {
  const { rows } = await tx.query<ModelFile>(
    {
      name: 'model-files-below',
      text: `select case when f.path = $2 then regexp_replace(f.path, '^.*/', '') else substr(f.path, length($2) + 2) end
                    as path, encode(f.sha256, 'hex') as sha256, f.size_bytes as "sizeBytes"
               from artifacts f where f.run_key = $1 and (f.path = $2 or starts_with(f.path, $2 || '/')) limit $3`,
    },
    [runKey, plainText(path), MOST_FILES + 1],
  )
  if (rows.length === 0) {
    throw new SweepError('not-found', `run ${runId} has no files at ${JSON.stringify(path)}`, {
      hint: 'Log the model first; `path` is that of a file or folder among the files of the run.',
    })
  }
  if (rows.length > MOST_FILES) {
    throw new SweepError('conflict', `${JSON.stringify(path)} of run ${runId} has more than ${MOST_FILES} files`)
  }
  return rows
}

function fingerprintOf(files: readonly ModelFile[]): Buffer {
  const hash = createHash('sha256')
  for (const line of files.map(({ path, sha256 }) => JSON.stringify([path, sha256])).sort()) hash.update(`${line}\n`)
  return hash.digest()
}

const SAME = {
  name: 'model-version-same',
  text: `select version from model_versions
          where model_key = $1 and run_key = $2 and path = $3 and fingerprint = $4 order by version limit 1`,
}
const INSERT = {
  name: 'model-version-insert',
  text: `with numbered as (
           update models set last_version = last_version + 1, updated_at = now() where key = $1 returning last_version)
         insert into model_versions (model_key, version, run_key, run_id, path, source, fingerprint, framework, signature,
           data_version, description, tags, origin, is_final, created_by)
         select $1, last_version, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 from numbered returning version`,
}

async function insert(
  tx: Queryable,
  modelKey: number,
  runKey: number | null,
  fingerprint: Buffer,
  version: NewVersion,
): Promise<number> {
  const { made, source, framework, dataVersion, origin } = version
  const { rows } = await tx.query<{ version: number }>(INSERT, [
    modelKey,
    runKey,
    made?.runId ?? null,
    made === null || made.path === null ? null : plainText(made.path),
    source === null ? null : plainText(source),
    fingerprint,
    framework === null ? null : plainText(framework),
    version.signature === null ? null : jsonText(version.signature),
    dataVersion === null ? null : plainText(dataVersion),
    plainText(version.description),
    jsonText(version.tags),
    originText(origin),
    origin.isFinal,
    version.createdBy,
  ])
  const number = rows[0]?.version
  if (number === undefined) throw new Error(`model with key ${modelKey} vanished`)
  return number
}

async function keepFiles(tx: Queryable, key: number, version: number, files: readonly ModelFile[]): Promise<void> {
  if (files.length === 0) return
  await tx.query(
    {
      name: 'model-files-keep',
      text: `insert into model_files (model_key, version, path, size_bytes, sha256)
             select $1, $2, f.path, f.size, f.sha256
               from unnest($3::text[], $4::int8[], $5::bytea[]) as f (path, size, sha256)`,
    },
    [
      ...[key, version, files.map(({ path }) => path), files.map(({ sizeBytes }) => sizeBytes)],
      files.map(({ sha256 }) => objectName(sha256)),
    ],
  )
}

async function setAliases(tx: Queryable, key: number, version: number, aliases: readonly string[]): Promise<void> {
  if (aliases.length === 0) return
  await tx.query(
    {
      name: 'model-aliases',
      text: `insert into model_aliases (model_key, alias, version) select $1, unnest($2::text[]), $3
             on conflict (model_key, alias) do update set version = excluded.version`,
    },
    [key, [...new Set(aliases)], version],
  )
}

/**
 * Gives a version a name, whatever had it before.
 * @param version a number, an alias, `latest` or a stage
 * @throws SweepError `not-found`
 */
export async function setModelAlias(database: Database, model: string, alias: string, version: string): Promise<void> {
  await database.tx(async (tx) => {
    const key = await lockModel(tx, model)
    await setAliases(tx, key, (await versionNamed(tx, model, version)).version, [alias])
  })
}

/** Safe to repeat. Throws `not-found` for the model. */
export async function removeModelAlias(database: Database, model: string, alias: string): Promise<void> {
  await database.tx(async (tx) => {
    const key = await lockModel(tx, model)
    await tx.query('delete from model_aliases where model_key = $1 and alias = $2', [key, plainText(alias)])
  })
}

/** Keeps what has made a version up to now; what was once final stays as it was. */
export async function settleOrigin(
  database: Queryable,
  { modelKey, version }: Pick<ModelVersionRecord, 'modelKey' | 'version'>,
  origin: ModelOrigin,
): Promise<void> {
  await database.query(
    {
      name: 'model-version-settle',
      text: `update model_versions set origin = $3, is_final = $4
              where model_key = $1 and version = $2 and not is_final`,
    },
    [modelKey, version, originText(origin), origin.isFinal],
  )
}

function originText({ metrics, ...origin }: ModelOrigin): string {
  const spelled = (value: number | null) => (value === null ? null : encodeMetric(value))
  const entries = Object.entries(metrics).map(([name, { last, lastStep, min, max }]) => [
    name,
    { last: encodeMetric(last), lastStep, min: spelled(min), max: spelled(max) },
  ])
  return jsonText({ ...origin, metrics: Object.fromEntries(entries) })
}

/** Throws `not-found`. */
export async function changeVersion(
  database: Database,
  model: string,
  version: number,
  change: z.output<typeof ChangeModelVersion>,
): Promise<ModelVersionRecord> {
  const { set, remove } = tagChange(change.tags)
  const { rowCount } = await database.query(
    {
      name: 'model-version-change',
      text: `update model_versions v set description = coalesce($3, v.description), tags = (v.tags - $4::text[]) || $5,
                    updated_at = now()
               from models m where m.name = $1 and v.model_key = m.key and v.version = $2`,
    },
    [model, version, change.description === undefined ? null : plainText(change.description), remove, set],
  )
  if (rowCount !== 1) throw await noVersion(database, model, String(version))
  return getVersion(database, model, version)
}

/**
 * Deletes a version with its aliases; what happened to it stays in the history, and its number is not given again.
 * @throws SweepError `not-found`; `conflict` while it is in production
 */
export async function deleteVersion(database: Database, model: string, version: number, by: string): Promise<void> {
  await database.tx(async (tx) => {
    const modelKey = await lockModel(tx, model)
    const { stage } = await getVersion(tx, model, version)
    if (stage === 'production') throw inProduction(model, version)
    await tx.query('delete from model_versions where model_key = $1 and version = $2', [modelKey, version])
    await noteHappening(tx, { modelKey, version, kind: 'deleted', from: stage, by })
  })
}

export interface ModelFile {
  readonly path: string
  readonly sizeBytes: number
  readonly sha256: string
}

/** The files of a version by path, or the one of this path. */
export async function modelFiles(
  database: Queryable,
  { modelKey, version }: Pick<ModelVersionRecord, 'modelKey' | 'version'>,
  path?: string,
): Promise<ModelFile[]> {
  const { rows } = await database.query<ModelFile>(
    {
      name: 'model-files',
      text: `select f.path, f.size_bytes as "sizeBytes", encode(f.sha256, 'hex') as sha256 from model_files f
              where f.model_key = $1 and f.version = $2 and ($3::text is null or f.path = $3) order by f.path`,
    },
    [modelKey, version, path === undefined ? null : plainText(path)],
  )
  return rows
}
