import { HealthFinding } from '@sweep/spec/health'
import type { RunId, SweepId } from '@sweep/spec/ids'
import { encodeMetric } from '@sweep/spec/number'
import { z } from 'zod'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'

/** A finding as it is kept, with the run that it is about. */
export interface StoredFinding extends HealthFinding {
  readonly runId: RunId
  /** Number of its trial; null for a run outside any sweep. */
  readonly trial: number | null
  /** Raised by every change of any finding. */
  readonly change: number
  readonly foundAt: Date
  /** When it was so no more; null while it is. */
  readonly clearedAt: Date | null
}

const STORE = {
  name: 'findings-store',
  text: `insert into run_findings as f (run_key, rule, metric, severity, message, advice, step, since, evidence)
         select $1, x.rule, x.metric, x.severity, x.message, x.advice, x.step, x.since, x.evidence
           from jsonb_to_recordset($2::jsonb) as x (rule text, metric text, severity text, message text, advice text,
             step float8, since float8, evidence jsonb)
         on conflict (run_key, rule, metric) do update set
           severity = excluded.severity, message = excluded.message, advice = excluded.advice, step = excluded.step,
           since = excluded.since, evidence = excluded.evidence, change = default, cleared_at = null,
           found_at = case when f.cleared_at is null then f.found_at else now() end`,
}
const CLEAR = {
  name: 'findings-clear',
  text: `update run_findings f set cleared_at = now(), change = default
          where f.run_key = $1 and f.cleared_at is null
            and not exists (select from jsonb_to_recordset($2::jsonb) as x (rule text, metric text)
                             where x.rule = f.rule and x.metric = f.metric)`,
}

/** Keeps what is wrong with a run now; what was, and is not named any more, is cleared. */
export async function storeFindings(
  database: Database,
  runKey: number,
  findings: readonly HealthFinding[],
): Promise<void> {
  const rows = jsonText(
    findings.map(({ metric, message, evidence, ...rest }) => ({
      ...rest,
      metric: plainText(metric),
      message: plainText(message),
      evidence: Object.fromEntries(Object.entries(evidence).map(([name, value]) => [name, encodeMetric(value)])),
    })),
  )
  await database.tx(async (tx) => {
    await Promise.all([tx.query(STORE, [runKey, rows]), tx.query(CLEAR, [runKey, rows])])
  })
}

const SELECT = `select r.id as run_id, r.trial, f.rule, f.metric, f.severity, f.message, f.advice, f.step, f.since,
    f.evidence, f.change, f.found_at, f.cleared_at
  from run_findings f join runs r on r.key = f.run_key`
/** Errors first, then as they were found. */
const ORDER = `order by f.cleared_at is not null, f.severity, f.found_at, f.rule, f.metric`

/** All findings of one run, those that still hold first. */
export async function findingsOfRun(database: Queryable, runId: RunId): Promise<StoredFinding[]> {
  const { rows } = await database.query<Row>({ name: 'findings-of-run', text: `${SELECT} where r.id = $1 ${ORDER}` }, [
    runId,
  ])
  return rows.map(stored)
}

/** What still holds of some runs. */
export async function openFindings(database: Queryable, runIds: readonly string[]): Promise<StoredFinding[]> {
  if (runIds.length === 0) return []
  const { rows } = await database.query<Row>(
    {
      name: 'findings-open',
      text: `${SELECT} where r.id = any($1) and f.cleared_at is null order by r.key, f.severity, f.rule, f.metric`,
    },
    [runIds],
  )
  return rows.map(stored)
}

/** Findings of the trials of a sweep, by trial; those that hold no more only if `cleared`, and at most `limit`. */
export async function findingsOfSweep(
  database: Queryable,
  sweepId: SweepId,
  options: { readonly cleared: boolean; readonly limit: number },
): Promise<StoredFinding[]> {
  const { rows } = await database.query<Row>(
    {
      name: 'findings-of-sweep',
      text: `${SELECT} where r.experiment_id = $1 and (f.cleared_at is null or $2)
              order by r.trial, f.cleared_at is not null, f.severity, f.rule, f.metric limit $3`,
    },
    [sweepId, options.cleared, options.limit],
  )
  return rows.map(stored)
}

/** Those of a sweep that have changed since, in the order of their changes. */
export async function findingsChanged(
  database: Queryable,
  sweepId: SweepId,
  afterChange: number,
  limit: number,
): Promise<StoredFinding[]> {
  const { rows } = await database.query<Row>(
    {
      name: 'findings-changed',
      text: `${SELECT} where r.experiment_id = $1 and f.change > $2 order by f.change limit $3`,
    },
    [sweepId, afterChange, limit],
  )
  return rows.map(stored)
}

interface Row {
  readonly run_id: RunId
  readonly trial: number | null
  readonly change: number
  readonly found_at: Date
  readonly cleared_at: Date | null
}

const Columns = z.object(HealthFinding.shape)

function stored(row: Row): StoredFinding {
  return {
    ...Columns.parse(row),
    runId: row.run_id,
    trial: row.trial,
    change: row.change,
    foundAt: row.found_at,
    clearedAt: row.cleared_at,
  }
}
