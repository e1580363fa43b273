import type { Queryable } from '../database.ts'
import { decodeLines } from '../points-codec.ts'
import { merged, Summaries, type Summary } from './metric-summary.ts'

export interface RunMetric extends Summary {
  readonly name: string
}

interface Row {
  readonly attempt_key: number
  readonly name_id: number | null
  readonly points: number | null
  readonly last_value: number
  readonly last_step: number
  readonly last_at: number
  readonly min_value: number | null
  readonly min_step: number | null
  readonly max_value: number | null
  readonly max_step: number | null
  /** Of a batch that the summaries don't have yet. */
  readonly batch: number | null
  readonly bytes: Buffer | null
}

const READ = {
  name: 'run-metrics-read',
  // One statement, so one snapshot: a batch is in the summaries or beside them, never both.
  text: `select m.attempt_key, m.name_id, m.points, m.last_value, m.last_step, m.last_at, m.min_value, m.min_step,
                m.max_value, m.max_step, null::int as batch, null::bytea as bytes
           from run_metrics m where m.run_key = $1
         union all
         select a.key, null, null, null, null, null, null, null, null, null, b.batch, b.points
           from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
           join attempts a on a.id = any(array(select r.id || '-' || n from generate_series(1, t.attempts) n))
           left join metric_summaries s on s.attempt_key = a.key
           join metric_batches b on b.attempt_key = a.key and b.batch >= coalesce(s.batches, 0)
          where r.key = $1
          order by 1, 11`,
}

/** What every metric of a run has come to, by name; up to the last report, also while its trial runs. */
export async function runMetrics(database: Queryable, runKey: number): Promise<RunMetric[]> {
  const { rows } = await database.query<Row>(READ, [runKey])
  const found = new Map<number, { attemptKey: number; summary: Summary }>()
  const fresh = new Map<number, Summaries>()
  for (const row of rows) {
    if (row.name_id !== null) {
      found.set(row.name_id, { attemptKey: row.attempt_key, summary: summaryOf(row) })
    } else if (row.bytes !== null) {
      const summaries = fresh.get(row.attempt_key) ?? new Summaries()
      fresh.set(row.attempt_key, summaries)
      summaries.addLines(decodeLines(row.bytes))
    }
  }
  for (const [attemptKey, { all }] of fresh) {
    for (const [nameId, later] of all) {
      const before = found.get(nameId)
      found.set(nameId, before === undefined ? { attemptKey, summary: later } : mergedOf(before, attemptKey, later))
    }
  }
  const names = await namesOf(database, [...found.keys()])
  return [...found]
    .map(([nameId, { summary }]) => ({ name: names.get(nameId) ?? '', ...summary }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The same rule as in the statement that stores them. */
function mergedOf(
  before: { readonly attemptKey: number; readonly summary: Summary },
  attemptKey: number,
  later: Summary,
): { attemptKey: number; summary: Summary } {
  const summary = merged(before.summary, later)
  if (attemptKey === before.attemptKey) return { attemptKey, summary }
  const { last, lastStep, lastAt } = attemptKey > before.attemptKey ? later : before.summary
  return { attemptKey: Math.max(attemptKey, before.attemptKey), summary: { ...summary, last, lastStep, lastAt } }
}

function summaryOf(row: Row): Summary {
  return {
    points: row.points ?? 0,
    last: row.last_value,
    lastStep: row.last_step,
    lastAt: row.last_at,
    min: row.min_value,
    minStep: row.min_step,
    max: row.max_value,
    maxStep: row.max_step,
  }
}

async function namesOf(database: Queryable, ids: readonly number[]): Promise<Map<number, string>> {
  const { rows } = await database.query<{ id: number; name: string }>(
    { name: 'run-metrics-names', text: 'select id, name from metric_names where id = any($1)' },
    [ids],
  )
  return new Map(rows.map(({ id, name }) => [id, name]))
}
