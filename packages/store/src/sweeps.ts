import { Code } from '@sweep/spec/code'
import { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { shapeKey, shapeOf } from '@sweep/spec/queue-name'
import { SWEEP_STATES, type SweepState } from '@sweep/spec/sweep-state'
import { bestConfigs } from './best-config.ts'
import type { Database } from './database.ts'
import { jsonText, plainText } from './json-text.ts'
import { holdObject, objectName } from './objects.ts'
import { SweepChange } from './sweep-change.ts'
import { SWEEP_COLUMNS, SWEEP_TABLES, type SweepRecord, type SweepRow, sweepRecord } from './sweep-record.ts'
import { issueFirst, type NewTrial } from './trials.ts'

/** What a sweep is; never changes, so it is kept in memory once read. */
export interface SweepDefinition {
  readonly id: SweepId
  readonly name: string
  readonly project: string
  readonly document: SweepDocument
  readonly source: string
  readonly file: string
  readonly workdir: string
  readonly code: Code
}

export interface NewSweep {
  /** From `newId`. */
  readonly id: SweepId
  readonly name: string
  readonly document: SweepDocument
  /** The YAML text. */
  readonly source: string
  readonly file: string
  readonly workdir: string
  /** `folder` when absent. A snapshot must be in the object store, or `createSweep` throws `conflict`. */
  readonly code?: Code
  /** Issued at once, whatever its method would do; a config may occur several times. */
  readonly trials?: readonly NewTrial[]
}

const PROJECT = `
  insert into projects (name) values ($1) on conflict (name) do update set name = excluded.name returning id`

const EXPERIMENT = `
  insert into experiments (id, project_id, name, kind) values ($1, $2, $3, 'sweep') on conflict (id) do nothing`

const INSERT = `
  with definition as (
    insert into sweep_definitions (sweep_id, document, source, file, workdir, code, snapshot)
    values ($1, $3, $4, $5, $6, $25, $26))
  insert into sweeps (id, name, method, metric_name, metric_goal, metric_target, metric_summary, priority, parallelism,
    seed, queue, shape, shape_key, retry_max, retry_lost_max, budget_trials, budget_wall_ms, budget_gpu_seconds,
    share_pass, objectives, constraints, launcher)
  values ($1, $2, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
    -- A newcomer starts level with the others; from 0 it would win every tie until it had caught up.
    coalesce((select min(share_pass) from sweeps where ended_at is null), 0), $23, $24, $27)`

/**
 * Stores a sweep in state `running` with fact 1 and its first trials. Budget, parallelism and priority come from the
 * document.
 * @throws SweepError `conflict` when there is a sweep of this id
 */
export async function createSweep(database: Database, sweep: NewSweep): Promise<SweepRecord> {
  const { id, document } = sweep
  const name = plainText(sweep.name)
  await database.tx(async (tx) => {
    const snapshot = sweep.code?.kind === 'snapshot' ? objectName(sweep.code.sha256) : null
    if (snapshot !== null && !(await holdObject(tx, snapshot))) {
      throw new SweepError('conflict', 'the snapshot of the code is not in the object store', {
        hint: 'Create the sweep with `sweep create`, which uploads it.',
      })
    }
    const project = await tx.query<{ id: number }>(PROJECT, [plainText(document.project)])
    // Whoever stores the same id at the same time waits here.
    const { rowCount } = await tx.query(EXPERIMENT, [id, project.rows[0]?.id, name])
    if (rowCount !== 1) throw new SweepError('conflict', `there is a sweep ${id} already`)
    await tx.query(INSERT, [
      id,
      name,
      jsonText(document),
      plainText(sweep.source),
      plainText(sweep.file),
      plainText(sweep.workdir),
      document.method,
      document.metric?.name,
      document.metric?.goal,
      document.metric?.target,
      document.metric?.summary,
      document.priority,
      document.parallelism,
      document.seed,
      document.queue,
      jsonText(shapeOf(document)),
      shapeKey(shapeOf(document)),
      document.retry.max,
      document.retry.lostMax,
      document.budget.trials,
      document.budget.wallMs,
      document.budget.gpuSeconds,
      document.objectives && jsonText(document.objectives),
      document.constraints && jsonText(document.constraints),
      sweep.code && jsonText(sweep.code),
      snapshot,
      document.launcher,
    ])
    const change = await SweepChange.begin(tx, id)
    if (change === undefined) throw new Error(`sweep ${id} vanished while it was stored`)
    change.fact({ kind: 'sweep-created', seed: document.seed })
    if (sweep.trials === undefined || sweep.trials.length === 0) await change.store(tx)
    else await issueFirst(tx, change, sweep.trials)
  })
  const stored = await getSweep(database, id)
  if (stored === undefined) throw new SweepError('not-found', `There is no sweep ${id}.`)
  return stored
}

export async function getSweep(database: Database, id: SweepId): Promise<SweepRecord | undefined> {
  const { rows } = await database.query<SweepRow>(
    { name: 'sweep-get', text: `select ${SWEEP_COLUMNS} from ${SWEEP_TABLES} where s.id = $1` },
    [id],
  )
  return (await records(database, rows))[0]
}

export interface SweepFilter {
  readonly states?: readonly SweepState[]
  readonly project?: string
  readonly name?: string
  readonly ids?: readonly SweepId[]
  /** 100 when absent, newest first. */
  readonly limit?: number
  /** `createdAt` and `id` of the last sweep of the page before. */
  readonly before?: { readonly createdAt: Date; readonly id: SweepId }
}

const LIST = {
  name: 'sweep-list',
  // A Date has milliseconds and a timestamptz microseconds, hence the truncation in order and cursor alike.
  text: `select ${SWEEP_COLUMNS} from ${SWEEP_TABLES}
          where s.state = any($1) and ($2::text is null or p.name = $2) and ($3::text is null or s.name = $3)
            and ($4::text[] is null or s.id = any($4))
            and ($5::timestamptz is null or (date_trunc('milliseconds', s.created_at), s.id) < ($5, $6::text))
          order by date_trunc('milliseconds', s.created_at) desc, s.id desc limit $7`,
}

export async function listSweeps(database: Database, filter: SweepFilter = {}): Promise<SweepRecord[]> {
  const { rows } = await database.query<SweepRow>(LIST, [
    filter.states ?? SWEEP_STATES,
    filter.project,
    filter.name,
    filter.ids,
    filter.before?.createdAt,
    filter.before?.id,
    filter.limit ?? 100,
  ])
  return records(database, rows)
}

async function records(database: Database, rows: readonly SweepRow[]): Promise<SweepRecord[]> {
  const best = await bestConfigs(
    database,
    rows.flatMap(({ id, has_replicates }) => (has_replicates ? [id] : [])),
  )
  return rows.map((row) => sweepRecord(row, best))
}

const definitions = new WeakMap<Database, Map<SweepId, SweepDefinition>>()
/** Enough for every active sweep of one installation; the oldest goes first. */
const DEFINITIONS_KEPT = 500

/** Cached per process. Throws `not-found`. */
export async function sweepDefinition(database: Database, id: SweepId): Promise<SweepDefinition> {
  const kept = definitions.get(database) ?? new Map<SweepId, SweepDefinition>()
  definitions.set(database, kept)
  const known = kept.get(id)
  if (known !== undefined) return known
  const { rows } = await database.query<
    Omit<SweepDefinition, 'document' | 'code'> & { document: unknown; code: unknown }
  >(
    `select d.sweep_id as id, e.name, p.name as project, d.document, d.source, d.file, d.workdir, d.code
       from sweep_definitions d join experiments e on e.id = d.sweep_id join projects p on p.id = e.project_id
      where d.sweep_id = $1`,
    [id],
  )
  const row = rows[0]
  if (row === undefined) throw new SweepError('not-found', `There is no sweep ${id}.`)
  const code: Code = row.code === null ? { kind: 'folder' } : Code.parse(row.code)
  const definition = { ...row, document: SweepDocument.parse(row.document), code }
  kept.set(id, definition)
  const oldest = kept.keys().next().value
  if (kept.size > DEFINITIONS_KEPT && oldest !== undefined) kept.delete(oldest)
  return definition
}
