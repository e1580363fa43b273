import { SweepError } from '@sweep/spec/errors'
import type { ExperimentId } from '@sweep/spec/ids'
import {
  type ChangeExperiment,
  type CreateExperiment,
  EXPERIMENT_STATUSES,
  type ExperimentStatus,
} from '@sweep/spec/wire/tracking/experiments'
import { JudgedBy, ProjectSettings, Tags } from '@sweep/spec/wire/tracking/projects'
import type { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { isDuplicate } from '../store-error.ts'
import { tagChange } from './projects.ts'

export interface ExperimentRecord {
  readonly id: ExperimentId
  readonly projectId: number
  readonly project: string
  readonly name: string
  readonly kind: 'sweep' | 'runs'
  readonly description: string
  readonly hypothesis: string
  readonly status: ExperimentStatus
  readonly tags: Readonly<Record<string, string>>
  readonly metric: JudgedBy | null
  readonly createdBy: string | null
  readonly createdAt: Date
}

interface ExperimentRow {
  readonly id: ExperimentId
  readonly project_id: number
  readonly project: string
  readonly name: string
  readonly kind: 'sweep' | 'runs'
  readonly description: string
  readonly hypothesis: string
  readonly status: ExperimentStatus
  readonly tags: unknown
  readonly metric: unknown
  readonly created_by: string | null
  readonly created_at: Date
}

/** A sweep knows itself whether it is over, and what its trials are judged by. */
const STATUS = `case when e.status = 'archived' or s.id is null then e.status
  when s.ended_at is null then 'active' else 'completed' end`
const COLUMNS = `e.id, e.project_id, p.name as project, e.name, e.kind, e.description, e.hypothesis, ${STATUS} as status,
  e.tags, e.created_by, e.created_at,
  case when s.metric_name is null then e.metric
       else jsonb_build_object('name', s.metric_name, 'goal', s.metric_goal) end as metric`
const TABLES = 'experiments e join projects p on p.id = e.project_id left join sweeps s on s.id = e.id'

function experimentRecord(row: ExperimentRow): ExperimentRecord {
  return {
    id: row.id,
    projectId: row.project_id,
    project: row.project,
    name: row.name,
    kind: row.kind,
    description: row.description,
    hypothesis: row.hypothesis,
    status: row.status,
    tags: Tags.parse(row.tags),
    metric: row.metric === null ? null : JudgedBy.parse(row.metric),
    createdBy: row.created_by,
    createdAt: row.created_at,
  }
}

export type NewExperiment = z.output<typeof CreateExperiment> & {
  /** From `newId`. */
  readonly id: ExperimentId
  readonly createdBy: string
}

/**
 * Makes an experiment for runs, and its project when there is none of that name.
 * @returns the experiment, and whether it was made by this call
 * @throws SweepError `conflict` when the project has one of this name and `ifExists` is `refuse`
 */
export async function createExperiment(
  database: Database,
  experiment: NewExperiment,
): Promise<{ readonly experiment: ExperimentRecord; readonly created: boolean }> {
  const { id, created } = await database.tx((tx) => experimentOf(tx, experiment))
  if (!created && experiment.ifExists === 'refuse') {
    throw new SweepError(
      'conflict',
      `project ${JSON.stringify(experiment.project)} has an experiment called ${JSON.stringify(experiment.name)} already`,
      { hint: 'Choose another name, or ask for the one there is with ifExists: show.', details: { id } },
    )
  }
  return { experiment: await getExperiment(database, id), created }
}

const PROJECT = {
  name: 'experiment-project',
  text: `insert into projects (name) values ($1) on conflict (name) do update set name = excluded.name
         returning id, settings`,
}
const INSERT = {
  name: 'experiment-insert',
  text: `insert into experiments (id, project_id, name, kind, description, hypothesis, tags, metric, created_by)
         values ($1, $2, $3, 'runs', $4, $5, $6, $7, $8)
         on conflict (project_id, name) where kind = 'runs' do nothing returning id`,
}

/** The id of the experiment of this name, made when there is none. */
export async function experimentOf(
  tx: Queryable,
  experiment: NewExperiment,
): Promise<{ readonly id: ExperimentId; readonly created: boolean }> {
  const name = plainText(experiment.name)
  const found = await tx.query<{ id: ExperimentId }>(
    {
      name: 'experiment-named',
      text: `select e.id from experiments e join projects p on p.id = e.project_id
              where p.name = $1 and e.name = $2 and e.kind = 'runs'`,
    },
    [plainText(experiment.project), name],
  )
  if (found.rows[0] !== undefined) return { id: found.rows[0].id, created: false }
  const project = (await tx.query<{ id: number; settings: unknown }>(PROJECT, [plainText(experiment.project)])).rows[0]
  const defaults = ProjectSettings.parse(project?.settings ?? {}).experiment
  const metric = experiment.metric ?? defaults.metric
  const made = await tx.query<{ id: ExperimentId }>(INSERT, [
    experiment.id,
    project?.id,
    name,
    plainText(experiment.description ?? defaults.description ?? ''),
    plainText(experiment.hypothesis ?? defaults.hypothesis ?? ''),
    jsonText({ ...defaults.tags, ...experiment.tags }),
    metric && jsonText(metric),
    experiment.createdBy,
  ])
  if (made.rows[0] !== undefined) return { id: made.rows[0].id, created: true }
  // Somebody was faster, and has committed by now: the project's row was locked until then.
  return experimentOf(tx, experiment)
}

/** Throws `not-found`. */
export async function getExperiment(database: Queryable, id: ExperimentId): Promise<ExperimentRecord> {
  const { rows } = await database.query<ExperimentRow>(
    { name: 'experiment-get', text: `select ${COLUMNS} from ${TABLES} where e.id = $1` },
    [id],
  )
  if (rows[0] === undefined) throw new SweepError('not-found', `there is no experiment ${id}`)
  return experimentRecord(rows[0])
}

const LIST = {
  name: 'experiment-list',
  // A Date has milliseconds and a timestamptz microseconds, hence the truncation in order and cursor alike.
  text: `select ${COLUMNS} from ${TABLES}
          where (${STATUS}) = any($1) and ($2::text is null or p.name = $2) and ($3::text is null or e.name = $3)
            and ($4::text is null or e.kind = $4)
            and ($5::timestamptz is null or (date_trunc('milliseconds', e.created_at), e.id) < ($5, $6::text))
          order by date_trunc('milliseconds', e.created_at) desc, e.id desc limit $7`,
}

export interface ExperimentFilter {
  readonly statuses?: readonly ExperimentStatus[]
  readonly project?: string
  readonly name?: string
  readonly kind?: 'sweep' | 'runs'
  /** `createdAt` and `id` of the last of the page before. */
  readonly before?: { readonly createdAt: Date; readonly id: string }
  readonly limit: number
}

/** Newest first. */
export async function listExperiments(database: Queryable, filter: ExperimentFilter): Promise<ExperimentRecord[]> {
  const { rows } = await database.query<ExperimentRow>(LIST, [
    filter.statuses ?? EXPERIMENT_STATUSES,
    filter.project,
    filter.name,
    filter.kind,
    filter.before?.createdAt,
    filter.before?.id,
    filter.limit,
  ])
  return rows.map(experimentRecord)
}

/** Throws `not-found`; `conflict` for the name of another, and for what only a sweep knows itself. */
export async function changeExperiment(
  database: Database,
  id: ExperimentId,
  change: z.output<typeof ChangeExperiment>,
): Promise<ExperimentRecord> {
  const name = change.name === undefined ? null : plainText(change.name)
  const changing = database.tx(async (tx) => {
    const { rows } = await tx.query<{ kind: string; metric: unknown }>(
      'select kind, metric from experiments where id = $1 for no key update',
      [id],
    )
    const row = rows[0]
    if (row === undefined) throw new SweepError('not-found', `there is no experiment ${id}`)
    if (row.kind === 'sweep') refuseForSweep(id, change)
    const { set, remove } = tagChange(change.tags)
    const metric = change.metric === undefined ? row.metric : change.metric
    await tx.query(
      {
        name: 'experiment-change',
        text: `update experiments set name = coalesce($2, name), description = coalesce($3, description),
                      hypothesis = coalesce($4, hypothesis), status = coalesce($5, status),
                      tags = (tags - $6::text[]) || $7, metric = $8
                where id = $1`,
      },
      [
        id,
        name,
        change.description === undefined ? null : plainText(change.description),
        change.hypothesis === undefined ? null : plainText(change.hypothesis),
        change.status,
        remove,
        set,
        metric === null ? null : jsonText(metric),
      ],
    )
  })
  await changing.catch((error: unknown) => {
    if (name === null || !isDuplicate(error)) throw error
    throw new SweepError('conflict', `the project has an experiment called ${JSON.stringify(name)} already`)
  })
  return getExperiment(database, id)
}

function refuseForSweep(id: ExperimentId, { name, status, metric }: z.output<typeof ChangeExperiment>): void {
  const wrong =
    name !== undefined
      ? 'its name stands in its document'
      : status === 'completed'
        ? 'whether it is completed it knows itself'
        : metric !== undefined
          ? 'its metric stands in its document'
          : undefined
  if (wrong === undefined) return
  throw new SweepError('conflict', `experiment ${id} is a sweep: ${wrong}`, {
    hint: 'Of a sweep you can change the description, the hypothesis, the tags, and whether it is archived.',
  })
}
