import type { ExperimentId, RunId } from '@sweep/spec/ids'
import { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { lockRun } from './runs.ts'

export const MODEL_STATUSES = ['pending', 'ready', 'failed'] as const
export type ModelStatus = (typeof MODEL_STATUSES)[number]

/** A model as MLflow 3 logs it: files among the artifacts of the run that made it, and what is said of them. */
export interface LoggedModel {
  readonly id: string
  readonly runId: RunId
  readonly experimentId: ExperimentId
  readonly name: string
  readonly modelType: string
  readonly status: ModelStatus
  readonly params: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

const Texts = z.record(z.string(), z.string())

interface Row {
  readonly id: string
  readonly run_id: RunId
  readonly experiment_id: ExperimentId
  readonly name: string
  readonly model_type: string
  readonly status: ModelStatus
  readonly params: unknown
  readonly tags: unknown
  readonly created_at: Date
  readonly updated_at: Date
}

const COLUMNS = `m.id, r.id as run_id, r.experiment_id, m.name, m.model_type, m.status, m.params, m.tags,
  m.created_at, m.updated_at`
const TABLES = 'logged_models m join runs r on r.key = m.run_key'

function modelOf(row: Row): LoggedModel {
  return {
    id: row.id,
    runId: row.run_id,
    experimentId: row.experiment_id,
    name: row.name,
    modelType: row.model_type,
    status: row.status,
    params: Texts.parse(row.params),
    tags: Texts.parse(row.tags),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Throws `not-found` for the run, `conflict` when it is deleted. */
export async function createLoggedModel(
  database: Database,
  model: Pick<LoggedModel, 'id' | 'runId' | 'name' | 'modelType' | 'params' | 'tags'>,
): Promise<void> {
  await database.tx(async (tx) => {
    const { key } = await lockRun(tx, model.runId)
    await tx.query(
      {
        name: 'logged-model-create',
        text: `insert into logged_models (id, run_key, name, model_type, status, params, tags)
               values ($1, $2, $3, $4, 'pending', $5, $6)`,
      },
      [model.id, key, plainText(model.name), plainText(model.modelType), jsonText(model.params), jsonText(model.tags)],
    )
  })
}

export async function findLoggedModel(database: Queryable, id: string): Promise<LoggedModel | undefined> {
  const { rows } = await database.query<Row>(
    {
      name: 'logged-model-get',
      text: `select ${COLUMNS} from ${TABLES} where m.id = $1 and m.deleted_at is null`,
    },
    [id],
  )
  return rows[0] && modelOf(rows[0])
}

/** Only what is named changes; params and tags come beside those there are. */
export async function changeLoggedModel(
  database: Queryable,
  id: string,
  change: {
    readonly status?: ModelStatus
    readonly params?: Readonly<Record<string, string>>
    readonly tags?: Readonly<Record<string, string>>
    readonly removeTag?: string
    readonly deleted?: true
  },
): Promise<void> {
  await database.query(
    {
      name: 'logged-model-change',
      text: `update logged_models set status = coalesce($2, status), params = params || $3,
                    tags = (tags || $4) - coalesce($5, ''), updated_at = now(),
                    deleted_at = case when $6 then now() else deleted_at end where id = $1`,
    },
    [
      id,
      change.status,
      jsonText(change.params ?? {}),
      jsonText(change.tags ?? {}),
      change.removeTag === undefined ? null : plainText(change.removeTag),
      change.deleted === true,
    ],
  )
}

export interface ModelSearch {
  readonly experimentIds: readonly ExperimentId[]
  readonly name?: string
  readonly runId?: string
  /** Of the runs that these principals have made, or that have this id; all when absent. */
  readonly within?: { readonly runId: RunId; readonly createdBy: string }
  readonly offset: number
  readonly limit: number
}

/** Newest first. */
export async function searchLoggedModels(database: Queryable, search: ModelSearch): Promise<LoggedModel[]> {
  const { rows } = await database.query<Row>(
    {
      name: 'logged-model-search',
      text: `select ${COLUMNS} from ${TABLES}
              where m.deleted_at is null and r.deleted_at is null and r.experiment_id = any($1)
                and ($2::text is null or m.name = $2) and ($3::text is null or r.id = $3)
                and ($4::text is null or r.id = $4 or starts_with(r.created_by, $5))
              order by m.created_at desc, m.id offset $6 limit $7`,
    },
    [
      search.experimentIds,
      search.name === undefined ? null : plainText(search.name),
      search.runId,
      search.within?.runId,
      search.within?.createdBy,
      search.offset,
      search.limit,
    ],
  )
  return rows.map(modelOf)
}
