import { SweepError } from '@sweep/spec/errors'
import type { ModelName } from '@sweep/spec/models/names'
import type { ModelStage } from '@sweep/spec/models/stages'
import type { ChangeModel, CreateModel } from '@sweep/spec/wire/tracking/models'
import { Tags } from '@sweep/spec/wire/tracking/projects'
import { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { isDuplicate } from '../store-error.ts'
import { tagChange } from '../tracking/projects.ts'

/** A name under which versions are registered. */
export interface ModelRecord {
  /** Its short name in the store. */
  readonly key: number
  readonly name: ModelName
  readonly description: string
  readonly tags: Readonly<Record<string, string>>
  /** How many it has. */
  readonly versions: number
  /** The newest version in each stage that has one. */
  readonly stages: Readonly<Partial<Record<ModelStage, number>>>
  readonly aliases: Readonly<Record<string, number>>
  readonly createdBy: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

interface Row {
  readonly key: number
  readonly name: ModelName
  readonly description: string
  readonly tags: unknown
  readonly versions: number
  readonly stages: unknown
  readonly aliases: unknown
  readonly created_by: string
  readonly created_at: Date
  readonly updated_at: Date
}

const COLUMNS = `m.key, m.name, m.description, m.tags, m.created_by, m.created_at, m.updated_at,
  (select count(*)::int from model_versions v where v.model_key = m.key) as versions,
  (select coalesce(jsonb_object_agg(s.stage, s.version), '{}')
     from (select v.stage, max(v.version) as version from model_versions v where v.model_key = m.key group by v.stage) s
  ) as stages,
  (select coalesce(jsonb_object_agg(a.alias, a.version), '{}') from model_aliases a where a.model_key = m.key) as aliases`

const Versions = z.record(z.string(), z.int())

function modelRecord(row: Row): ModelRecord {
  return {
    key: row.key,
    name: row.name,
    description: row.description,
    tags: Tags.parse(row.tags),
    versions: row.versions,
    stages: Versions.parse(row.stages),
    aliases: Versions.parse(row.aliases),
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/**
 * @returns the model, and whether it was made by this call
 * @throws SweepError `conflict` when there is one of this name and `ifExists` is `refuse`
 */
export async function createModel(
  database: Queryable,
  model: z.output<typeof CreateModel> & { readonly createdBy: string },
): Promise<{ readonly model: ModelRecord; readonly created: boolean }> {
  const { rowCount } = await database.query(
    {
      name: 'model-create',
      text: `insert into models (name, description, tags, created_by) values ($1, $2, $3, $4)
             on conflict (name) do nothing`,
    },
    [model.name, plainText(model.description), jsonText(model.tags), model.createdBy],
  )
  const created = rowCount === 1
  if (!created && model.ifExists === 'refuse') throw taken(model.name)
  return { model: await getModel(database, model.name), created }
}

export async function findModel(database: Queryable, name: string): Promise<ModelRecord | undefined> {
  const { rows } = await database.query<Row>(
    { name: 'model-get', text: `select ${COLUMNS} from models m where m.name = $1` },
    [plainText(name)],
  )
  return rows[0] && modelRecord(rows[0])
}

/** Throws `not-found`. */
export async function getModel(database: Queryable, name: string): Promise<ModelRecord> {
  const model = await findModel(database, name)
  if (model === undefined) throw noModel(name)
  return model
}

export function noModel(name: string): SweepError {
  return new SweepError('not-found', `there is no model called ${JSON.stringify(name)}`, {
    hint: '`sweep model ls` lists them.',
  })
}

/** By name, at most `limit` of those after `after`. */
export async function listModels(
  database: Queryable,
  page: { readonly after?: string; readonly limit: number },
): Promise<ModelRecord[]> {
  const { rows } = await database.query<Row>(
    {
      name: 'model-list',
      text: `select ${COLUMNS} from models m where $1::text is null or m.name > $1 order by m.name limit $2`,
    },
    [page.after === undefined ? null : plainText(page.after), page.limit],
  )
  return rows.map(modelRecord)
}

/** Throws `not-found`; `conflict` for the name of another model. */
export async function changeModel(
  database: Database,
  name: string,
  change: z.output<typeof ChangeModel>,
): Promise<ModelRecord> {
  const { set, remove } = tagChange(change.tags)
  const changing = database.query(
    {
      name: 'model-change',
      text: `update models set name = coalesce($2, name), description = coalesce($3, description),
                    tags = (tags - $4::text[]) || $5, updated_at = now() where name = $1`,
    },
    [name, change.name, change.description === undefined ? null : plainText(change.description), remove, set],
  )
  const { rowCount } = await changing.catch((error: unknown) => {
    throw change.name !== undefined && isDuplicate(error) ? taken(change.name) : error
  })
  if (rowCount !== 1) throw noModel(name)
  return getModel(database, change.name ?? name)
}

/**
 * Deletes a model with its versions and all that happened to them.
 * @throws SweepError `not-found`; `conflict` while a version is in production
 */
export async function deleteModel(database: Database, name: string): Promise<void> {
  await database.tx(async (tx) => {
    const key = await lockModel(tx, name)
    const { rows } = await tx.query<{ version: number }>(
      `select version from model_versions where model_key = $1 and stage = 'production'`,
      [key],
    )
    if (rows[0] !== undefined) throw inProduction(name, rows[0].version)
    await tx.query('delete from models where key = $1', [key])
  })
}

export function inProduction(name: string, version: number): SweepError {
  return new SweepError('conflict', `version ${version} of model ${JSON.stringify(name)} is in production`, {
    hint: 'Archive it, or promote another one, first.',
  })
}

/**
 * The model's key. Whoever changes what its versions are waits here for the others until the transaction ends.
 * @throws SweepError `not-found`
 */
export async function lockModel(tx: Queryable, name: string): Promise<number> {
  const { rows } = await tx.query<{ key: number }>(
    { name: 'model-lock', text: 'select key from models where name = $1 for update' },
    [plainText(name)],
  )
  if (rows[0] === undefined) throw noModel(name)
  return rows[0].key
}

function taken(name: string): SweepError {
  return new SweepError('conflict', `there is a model called ${JSON.stringify(name)} already`, {
    hint: 'Choose another name, or ask for the one there is with ifExists: show.',
  })
}
