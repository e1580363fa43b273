import { SweepError } from '@sweep/spec/errors'
import type { RunId } from '@sweep/spec/ids'
import type { ModelName } from '@sweep/spec/models/names'
import { MODEL_STAGES, type ModelStage } from '@sweep/spec/models/stages'
import { Json } from '@sweep/spec/number'
import { ModelOrigin } from '@sweep/spec/wire/tracking/models'
import { Tags } from '@sweep/spec/wire/tracking/projects'
import type { Queryable } from '../database.ts'
import { plainText } from '../json-text.ts'
import { findModel, noModel } from './models.ts'

export interface ModelVersionRecord {
  /** Of its model in the store. */
  readonly modelKey: number
  readonly model: ModelName
  readonly version: number
  readonly stage: ModelStage
  readonly stagedAt: Date
  readonly aliases: readonly string[]
  readonly description: string
  readonly tags: Readonly<Record<string, string>>
  readonly runId: RunId | null
  readonly path: string | null
  readonly source: string | null
  readonly files: number
  readonly sizeBytes: number
  readonly framework: string | null
  readonly signature: Json
  /** As said when it was registered. */
  readonly dataVersion: string | null
  readonly origin: ModelOrigin
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

interface Row {
  readonly model_key: number
  readonly model: ModelName
  readonly version: number
  readonly stage: ModelStage
  readonly staged_at: Date
  readonly aliases: string[]
  readonly description: string
  readonly tags: unknown
  readonly run_id: RunId | null
  readonly path: string | null
  readonly source: string | null
  readonly files: number
  readonly size_bytes: number
  readonly framework: string | null
  readonly signature: unknown
  readonly data_version: string | null
  readonly origin: unknown
  readonly is_final: boolean
  readonly created_by: string
  readonly created_at: Date
  readonly updated_at: Date
}

const SELECT = `select v.model_key, m.name as model, v.version, v.stage, v.staged_at, v.description, v.tags, v.run_id,
    v.path, v.source, v.framework, v.signature, v.data_version, v.origin, v.is_final, v.created_by, v.created_at,
    v.updated_at, f.files, f.size_bytes,
    array(select a.alias from model_aliases a where a.model_key = v.model_key and a.version = v.version
           order by a.alias) as aliases
  from models m join model_versions v on v.model_key = m.key
  cross join lateral (select count(*)::int as files, coalesce(sum(f.size_bytes), 0)::int8 as size_bytes
    from model_files f where f.model_key = v.model_key and f.version = v.version) f`

function versionRecord(row: Row): ModelVersionRecord {
  const origin = ModelOrigin.parse(row.origin)
  return {
    modelKey: row.model_key,
    model: row.model,
    version: row.version,
    stage: row.stage,
    stagedAt: row.staged_at,
    aliases: row.aliases,
    description: row.description,
    tags: Tags.parse(row.tags),
    runId: row.run_id,
    path: row.path,
    source: row.source,
    files: row.files,
    sizeBytes: row.size_bytes,
    framework: row.framework,
    signature: Json.parse(row.signature),
    dataVersion: row.data_version,
    origin: { ...origin, isFinal: row.is_final, dataVersion: row.data_version ?? origin.dataVersion },
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export interface VersionPage {
  readonly model?: string
  readonly runIds?: readonly string[]
  readonly stages?: readonly ModelStage[]
  /** The last one of the page before. */
  readonly after?: { readonly model: string; readonly version: number }
  readonly limit: number
}

/** By name of the model, the newest version of each first. */
export async function listVersions(database: Queryable, page: VersionPage): Promise<ModelVersionRecord[]> {
  const { rows } = await database.query<Row>(
    {
      name: 'model-version-list',
      text: `${SELECT}
              where ($1::text is null or m.name = $1) and ($2::text[] is null or v.run_id = any($2))
                and ($3::text[] is null or v.stage = any($3))
                and ($4::text is null or m.name > $4 or (m.name = $4 and v.version < $5))
              order by m.name, v.version desc limit $6`,
    },
    [
      page.model === undefined ? null : plainText(page.model),
      page.runIds,
      page.stages,
      page.after === undefined ? null : plainText(page.after.model),
      page.after?.version,
      page.limit,
    ],
  )
  return rows.map(versionRecord)
}

/** Throws `not-found`. */
export async function getVersion(database: Queryable, model: string, version: number): Promise<ModelVersionRecord> {
  const { rows } = await database.query<Row>(
    { name: 'model-version-get', text: `${SELECT} where m.name = $1 and v.version = $2` },
    [plainText(model), version],
  )
  if (rows[0] === undefined) throw await noVersion(database, model, String(version))
  return versionRecord(rows[0])
}

const NUMBER = {
  name: 'model-version-number',
  text: `select coalesce(
           (select a.version from model_aliases a where a.model_key = m.key and a.alias = $2),
           (select max(v.version) from model_versions v
             where v.model_key = m.key and ($2 = 'latest' or v.stage = $2))) as version
           from models m where m.name = $1`,
}
const MOST_VERSION = 2_147_483_647

/**
 * The version that is meant by a number, an alias, `latest`, or a stage: the newest version in it.
 * @throws SweepError `not-found`
 */
export async function versionNamed(database: Queryable, model: string, name: string): Promise<ModelVersionRecord> {
  if (/^\d{1,10}$/.test(name)) {
    if (Number(name) > MOST_VERSION) throw await noVersion(database, model, name)
    return getVersion(database, model, Number(name))
  }
  const { rows } = await database.query<{ version: number | null }>(NUMBER, [plainText(model), plainText(name)])
  if (rows[0]?.version == null) throw await noVersion(database, model, name)
  return getVersion(database, model, rows[0].version)
}

/** The error that says what is not there, the version or the whole model. */
export async function noVersion(database: Queryable, model: string, name: string): Promise<SweepError> {
  if ((await findModel(database, model)) === undefined) return noModel(model)
  const isStage = (MODEL_STAGES as readonly string[]).includes(name)
  const what = isStage ? `no version in ${name}` : `no version ${JSON.stringify(name)}`
  return new SweepError('not-found', `model ${JSON.stringify(model)} has ${what}`, {
    hint: '`sweep model get NAME` lists its versions.',
  })
}
