import type { Queryable } from '../database.ts'
import { plainText } from '../json-text.ts'
import { nameIdsOf } from '../metric-names.ts'

/** What a metric of a run has come to; NaN is neither minimum nor maximum. */
export interface MetricValuesRecord {
  readonly last: number
  readonly lastStep: number
  readonly min: number | null
  readonly max: number | null
}

/** By name. */
export type MetricsRecord = Readonly<Record<string, MetricValuesRecord>>

interface Row {
  readonly run_key: number
  readonly name_id: number
  readonly last_value: number
  readonly last_step: number
  readonly min_value: number | null
  readonly max_value: number | null
}

const COLUMNS = 'm.run_key, m.name_id, m.last_value, m.last_step, m.min_value, m.max_value'
const ALL = {
  name: 'metrics-of-runs-all',
  text: `select ${COLUMNS} from unnest($1::int8[]) as list (key) join run_metrics m on m.run_key = list.key`,
}
const NAMED = {
  name: 'metrics-of-runs-named',
  text: `select ${COLUMNS} from unnest($1::int8[]) as list (key) cross join unnest($2::int[]) as names (id)
           join run_metrics m on m.run_key = list.key and m.name_id = names.id`,
}

/**
 * What the metrics of some runs have come to, by key of the run: all of them, or those of these names. Of a trial that
 * runs they may be some seconds old; `runMetrics` has them of one run up to its last report.
 */
export async function metricsOfRuns(
  tx: Queryable,
  keys: readonly number[],
  names: readonly string[] | 'all',
): Promise<ReadonlyMap<number, MetricsRecord>> {
  if (keys.length === 0 || names.length === 0) return new Map()
  const known = names === 'all' ? undefined : await nameIdsOf(tx, names.map(plainText))
  const { rows } =
    known === undefined
      ? await tx.query<Row>(ALL, [keys])
      : await tx.query<Row>(NAMED, [keys, [...new Set(known.values())]])
  const nameOf = known === undefined ? await namesOf(tx, rows) : new Map([...known].map(([name, id]) => [id, name]))
  const found = new Map<number, Map<string, MetricValuesRecord>>()
  for (const row of rows) {
    const metrics = found.get(row.run_key) ?? new Map<string, MetricValuesRecord>()
    found.set(row.run_key, metrics)
    const { last_value: last, last_step: lastStep, min_value: min, max_value: max } = row
    metrics.set(nameOf.get(row.name_id) ?? '', { last, lastStep, min, max })
  }
  // Not by assignment, which a metric called `__proto__` would fool.
  return new Map([...found].map(([key, metrics]) => [key, Object.fromEntries(metrics)]))
}

async function namesOf(tx: Queryable, rows: readonly Row[]): Promise<Map<number, string>> {
  const ids = [...new Set(rows.map((row) => row.name_id))]
  const found = await tx.query<{ id: number; name: string }>(
    { name: 'metrics-of-runs-names', text: 'select id, name from metric_names where id = any($1)' },
    [ids],
  )
  return new Map(found.rows.map(({ id, name }) => [id, name]))
}
