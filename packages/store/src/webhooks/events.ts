import type { Fact } from '@sweep/spec/facts'
import type { SweepId } from '@sweep/spec/ids'
import type { EventBody, EventKind, Threshold } from '@sweep/spec/webhooks'
import { BEST_COLUMNS, BEST_CONFIG } from '../best-config.ts'
import type { Database, Queryable } from '../database.ts'
import { loadFacts } from '../facts.ts'
import { jsonText, plainText } from '../json-text.ts'
import { type ModelNews, takeModelNews } from '../models/model-events.ts'
import type { RetentionDone } from '../retention/rounds.ts'
import { BUDGET_SHARE, BUDGET_USED } from './budget-used.ts'
import { LOCK_EVENTS, listWebhooks } from './webhooks.ts'

/** An event to be; `webhookId` where it is for one webhook alone. */
export interface NewEvent {
  readonly body: EventBody
  readonly webhookId?: string
}

/** What is new of a sweep. */
export interface SweepNews {
  readonly id: SweepId
  readonly name: string
  readonly project: string
  readonly metric: string | null
  readonly facts: readonly Fact[]
  /** Whether it was told that its first trial has started. */
  readonly isStartTold: boolean
  /** The best trial, where it is another one or has another value than when it was last told. */
  readonly best: { readonly trial: number; readonly value: number } | null
  /** Share of its budget that is used, where that is news. */
  readonly budgetUsed: number | null
  readonly now: Date
}

/** A project, experiment or run outside of sweeps that was made or has changed. */
export interface RowNews {
  readonly kind: EventKind
  readonly at: Date
  readonly project: string
  readonly experiment: { readonly id: string; readonly name: string } | null
  readonly run: { readonly id: string; readonly name: string | null; readonly status: string } | null
  /** What the policy of the project has done. */
  readonly retention: RetentionDone | null
}

export interface FindingNews {
  readonly at: Date
  readonly project: string
  readonly experiment: string
  readonly sweep: { readonly id: SweepId; readonly name: string } | null
  readonly trial: number | null
  readonly run: string
  readonly rule: string
  readonly metric: string
  readonly message: string
  readonly advice: string
}

/** Makes events of what happened; pure. */
export interface EventMaker {
  sweep(news: SweepNews): readonly NewEvent[]
  row(news: RowNews): NewEvent
  finding(news: FindingNews): NewEvent
  threshold(news: ThresholdNews): NewEvent
  model(news: ModelNews): NewEvent
}

/** The first value of a run beyond a bound. */
export interface ThresholdNews {
  readonly webhookId: string
  readonly threshold: Threshold
  readonly value: number
  readonly at: Date
  readonly project: string
  readonly experiment: string
  readonly sweep: { readonly id: SweepId; readonly name: string } | null
  readonly trial: number | null
  readonly run: string
}

const MOST_SWEEPS = 50
const MOST_FACTS = 2000
const MOST_ROWS = 1000

/**
 * Makes events of all that is new, as far as fits into one transaction; nothing while there is no webhook. Safe to be
 * called by several at once: what is read and how far is one transaction, under a lock.
 * @returns how many events were made, and whether there is more to be read
 */
export async function makeEvents(database: Database, maker: EventMaker): Promise<{ made: number; more: boolean }> {
  const webhooks = await listWebhooks(database)
  if (webhooks.length === 0) return { made: 0, more: false }
  return database.tx(async (tx) => {
    await tx.query(LOCK_EVENTS)
    const events: NewEvent[] = []
    const ended = await takeRows(tx, maker, events)
    events.push(...(await takeModelNews(tx, MOST_ROWS)).map((news) => maker.model(news)))
    const isBusy = await takeSweeps(tx, maker, events, webhooks)
    await takeFindings(tx, maker, events)
    await takeThresholds(tx, maker, events, webhooks, ended)
    await insert(tx, events)
    // What every webhook is past is nobody's any more.
    await tx.query('delete from events where seq <= (select min(cursor) from webhooks)')
    return { made: events.length, more: isBusy }
  })
}

async function insert(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  const rows = events.map(({ body, webhookId }) => ({
    kind: body.kind,
    project: body.project,
    sweep_id: body.sweep?.id ?? null,
    webhook_id: webhookId ?? null,
    body,
  }))
  await tx.query(
    `insert into events (kind, project, sweep_id, webhook_id, body)
     select x.kind, x.project, x.sweep_id, x.webhook_id, x.body
       from jsonb_array_elements($1::jsonb) with ordinality as list (item, n),
            jsonb_to_record(item) as x (kind text, project text, sweep_id text, webhook_id text, body jsonb)
      order by list.n`,
    [jsonText(rows)],
  )
}

interface InboxRow {
  readonly id: number
  readonly kind: EventKind
  readonly at: Date
  readonly project: string | null
  readonly experiment_id: string | null
  readonly experiment: string | null
  readonly run_id: string | null
  readonly run: string | null
  readonly status: string | null
  readonly retention: RetentionDone | null
}

/** @returns ids of runs that have ended */
async function takeRows(tx: Queryable, maker: EventMaker, events: NewEvent[]): Promise<string[]> {
  const { rows } = await tx.query<InboxRow>(
    `with taken as (
       delete from event_inbox where id = any(array(
         select id from event_inbox where kind not like 'model.%' order by id limit $1))
       returning id, kind, row_id, at)
     select t.id, t.kind, t.at, p.name as project, e.id as experiment_id, e.name as experiment, r.id as run_id, r.name as run,
            r.status, case when d.id is not null then json_build_object(
              'archivedRuns', d.archived_runs, 'thinnedRuns', d.thinned_runs, 'pointsBefore', d.points_before,
              'pointsAfter', d.points_after, 'purgedRuns', d.purged_runs, 'purgedFiles', d.purged_files,
              'purgedBytes', d.purged_bytes) end as retention
       from taken t
       left join retention_rounds d on d.id = case t.kind when 'project.retention' then t.row_id::int8 end
       left join runs r on t.kind like 'run.%' and r.id = t.row_id
       left join experiments e on e.id = case when t.kind like 'experiment.%' then t.row_id else r.experiment_id end
       left join projects p on p.id = case t.kind when 'project.created' then t.row_id::int
                                      when 'project.retention' then d.project_id else e.project_id end`,
    [MOST_ROWS],
  )
  for (const row of rows.toSorted((a, b) => a.id - b.id)) {
    if (row.project === null) continue
    const experiment = row.experiment_id === null ? null : { id: row.experiment_id, name: row.experiment ?? '' }
    const run = row.run_id === null ? null : { id: row.run_id, name: row.run, status: row.status ?? '' }
    events.push(
      maker.row({ kind: row.kind, at: row.at, project: row.project, experiment, run, retention: row.retention }),
    )
  }
  return rows.flatMap(({ kind, run_id }) => (kind === 'run.ended' && run_id !== null ? [run_id] : []))
}

interface SweepRow {
  readonly id: SweepId
  readonly name: string
  readonly project: string
  readonly metric_name: string | null
  readonly fact_seq: number
  readonly told_seq: number
  readonly best_trial: number | null
  readonly best_value: number | null
  readonly told_trial: number | null
  readonly told_value: number | null
  readonly used: number
  readonly budget_told: boolean
  readonly started_told: boolean
  readonly now: Date
}

/** @returns whether there is more */
async function takeSweeps(
  tx: Queryable,
  maker: EventMaker,
  events: NewEvent[],
  webhooks: Awaited<ReturnType<typeof listWebhooks>>,
): Promise<boolean> {
  const { rows } = await tx.query<SweepRow>(
    `select s.id, s.name, p.name as project, s.metric_name, s.fact_seq, coalesce(c.fact_seq, 0) as told_seq,
            ${BEST_COLUMNS}, c.best_trial as told_trial, c.best_value as told_value, ${BUDGET_USED} as used,
            coalesce(c.budget_told, false) as budget_told,
            coalesce(c.started_told, false) as started_told, clock_timestamp() as now
       from sweeps s join experiments e on e.id = s.id join projects p on p.id = e.project_id
       left join event_cursors c on c.sweep_id = s.id left join ${BEST_CONFIG} m on true
      where s.fact_seq > coalesce(c.fact_seq, 0)
         or (s.ended_at is null and not coalesce(c.budget_told, false) and ${BUDGET_USED} >= $1)
      order by s.id limit $2`,
    [BUDGET_SHARE, MOST_SWEEPS],
  )
  let isMore = rows.length === MOST_SWEEPS
  for (const row of rows) {
    // Not those that were stored since the row was read: their best trial would not be told with them, nor later.
    const facts = (await loadFacts(tx, row.id, row.told_seq, MOST_FACTS)).filter(({ seq }) => seq <= row.fact_seq)
    const seq = facts.at(-1)?.seq ?? row.told_seq
    if (facts.length === MOST_FACTS) isMore = true
    // Its row may be ahead of the facts that were read; what it says is then told with the last of them.
    const isCaughtUp = seq >= row.fact_seq
    const isNewBest = row.best_trial !== row.told_trial || row.best_value !== row.told_value
    const tellsBest = isCaughtUp && isNewBest && row.best_trial !== null && row.best_value !== null
    const tellsBudget = isCaughtUp && !row.budget_told && row.used >= BUDGET_SHARE
    const sweep = { id: row.id, name: row.name }
    events.push(
      ...maker.sweep({
        ...sweep,
        project: row.project,
        metric: row.metric_name,
        facts,
        isStartTold: row.started_told,
        best: tellsBest ? { trial: row.best_trial ?? 0, value: row.best_value ?? 0 } : null,
        budgetUsed: tellsBudget ? row.used : null,
        now: row.now,
      }),
    )
    for (const fact of facts) {
      if (fact.kind !== 'report' && fact.kind !== 'side-report') continue
      const name = fact.kind === 'report' ? row.metric_name : fact.name
      const { project } = row
      const about = {
        at: fact.at,
        project,
        experiment: row.id,
        sweep,
        trial: fact.trial,
        run: `${row.id}-${fact.trial}`,
      }
      const crossed = crossedBy(webhooks, name ?? '', fact.value, fact.value)
      for (const one of crossed)
        if (await isFirst(tx, one, about.run)) events.push(maker.threshold({ ...one, ...about }))
    }
    await tx.query(
      `insert into event_cursors (sweep_id, fact_seq, best_trial, best_value, budget_told, started_told)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (sweep_id) do update set fact_seq = excluded.fact_seq, best_trial = excluded.best_trial,
         best_value = excluded.best_value, budget_told = excluded.budget_told,
         started_told = excluded.started_told`,
      [
        row.id,
        seq,
        isCaughtUp ? row.best_trial : row.told_trial,
        isCaughtUp ? row.best_value : row.told_value,
        row.budget_told || tellsBudget,
        row.started_told || facts.some((fact) => fact.kind === 'attempt-started'),
      ],
    )
  }
  return isMore
}

interface Crossed {
  readonly webhookId: string
  readonly place: number
  readonly threshold: Threshold
  readonly value: number
}

/** Bounds that a metric with these extremes has crossed. */
function crossedBy(
  webhooks: Awaited<ReturnType<typeof listWebhooks>>,
  metric: string,
  min: number | null,
  max: number | null,
): Crossed[] {
  return webhooks.flatMap(({ id: webhookId, thresholds }) =>
    thresholds.flatMap((threshold, place): Crossed[] => {
      if (threshold.metric !== metric) return []
      const { above, below } = threshold
      if (above !== undefined && max !== null && max > above) return [{ webhookId, place, threshold, value: max }]
      if (below !== undefined && min !== null && min < below) return [{ webhookId, place, threshold, value: min }]
      return []
    }),
  )
}

async function isFirst(tx: Queryable, { webhookId, place }: Crossed, run: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    'insert into event_thresholds (webhook_id, run_id, place) values ($1, $2, $3) on conflict do nothing',
    [webhookId, run, place],
  )
  return rowCount === 1
}

/** Of runs outside of sweeps that run, or have ended since the last look. */
async function takeThresholds(
  tx: Queryable,
  maker: EventMaker,
  events: NewEvent[],
  webhooks: Awaited<ReturnType<typeof listWebhooks>>,
  ended: readonly string[],
): Promise<void> {
  const names = [...new Set(webhooks.flatMap(({ thresholds }) => thresholds.map(({ metric }) => plainText(metric))))]
  if (names.length === 0) return
  const { rows } = await tx.query<{
    readonly key: number
    readonly run: string
    readonly name: string
    readonly min_value: number | null
    readonly max_value: number | null
    readonly experiment: string
    readonly project: string
    readonly now: Date
  }>(
    `with live as materialized (select key from runs where status = 'running' union select key from runs where id = any($2))
     select r.key, r.id as run, n.name, m.min_value, m.max_value, e.id as experiment, p.name as project, clock_timestamp() as now
       from live l join runs r on r.key = l.key join experiments e on e.id = r.experiment_id
       join projects p on p.id = e.project_id
       cross join metric_names n join run_metrics m on m.run_key = r.key and m.name_id = n.id
      where n.name = any($1)`,
    [names, ended],
  )
  // Not by the statement, which would read the metrics of all runs in the order of their keys, see database.ts.
  const sorted = rows.toSorted((a, b) => a.key - b.key || (a.name < b.name ? -1 : 1))
  for (const { key: _, name, min_value: min, max_value: max, now: at, ...about } of sorted) {
    for (const one of crossedBy(webhooks, name, min, max)) {
      if (!(await isFirst(tx, one, about.run))) continue
      events.push(maker.threshold({ ...one, ...about, at, sweep: null, trial: null }))
    }
  }
}

async function takeFindings(tx: Queryable, maker: EventMaker, events: NewEvent[]): Promise<void> {
  const { rows } = await tx.query<{
    readonly change: number
    readonly found_at: Date
    readonly is_open: boolean
    readonly run_key: number
    readonly rule: string
    readonly metric: string
    readonly message: string
    readonly advice: string
    readonly run: string
    readonly trial: number | null
    readonly experiment: string
    readonly experiment_name: string
    readonly is_sweep: boolean
    readonly project: string
  }>(
    `select f.change, f.found_at, f.cleared_at is null as is_open, f.run_key, f.rule, f.metric, f.message,
            f.advice, r.id as run, r.trial, e.id as experiment, e.name as experiment_name, e.kind = 'sweep' as is_sweep,
            p.name as project
       from run_findings f join runs r on r.key = f.run_key join experiments e on e.id = r.experiment_id
       join projects p on p.id = e.project_id
      where f.change > (select position from event_positions where name = 'findings') order by f.change limit $1`,
    [MOST_ROWS],
  )
  const newest = rows.at(-1)
  if (newest === undefined) return
  for (const { is_open: isOpen, is_sweep: isSweep, experiment_name: name, found_at: at, run_key, ...row } of rows) {
    if (!isOpen) continue
    const { rowCount } = await tx.query(
      `insert into event_findings as f (run_key, rule, metric, found_at) values ($1, $2, $3, $4)
       on conflict (run_key, rule, metric) do update set found_at = excluded.found_at where f.found_at < excluded.found_at`,
      [run_key, row.rule, row.metric, at],
    )
    if (rowCount !== 1) continue
    const sweep = isSweep ? { id: row.experiment as SweepId, name } : null
    events.push(maker.finding({ ...row, at, sweep }))
  }
  await tx.query(`update event_positions set position = $1 where name = 'findings'`, [newest.change])
}
