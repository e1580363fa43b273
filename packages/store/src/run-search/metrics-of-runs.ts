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

/** Last value, its step, least and largest value; what is no JSON number is its name. */
type Values = readonly [number | string, number, number | string | null, number | string | null]

interface Row {
  readonly run_key: number
  /** JSON: `Values` by the id of the name. */
  readonly values: string
}

// One text a run: rows with five numbers each, ten or more a run, would take most of the time of a table of runs.
const VALUES = 'json_object_agg(m.name_id, json_build_array(m.last_value, m.last_step, m.min_value, m.max_value))::text'
const ALL = {
  name: 'metrics-of-runs-all',
  text: `select m.run_key, ${VALUES} as values from unnest($1::int8[]) as list (key)
           join run_metrics m on m.run_key = list.key group by m.run_key`,
}
const NAMED = {
  name: 'metrics-of-runs-named',
  text: `select m.run_key, ${VALUES} as values from unnest($1::int8[]) as list (key)
          cross join unnest($2::int[]) as names (id)
           join run_metrics m on m.run_key = list.key and m.name_id = names.id group by m.run_key`,
}

/**
 * What the metrics of some runs have come to, by key of the run: all of them, or those of these names. Of a trial that
 * runs they may be some seconds old; `runMetrics` has them of one run up to its last report.
 */
export async function metricsOfRuns(
  database: Queryable,
  keys: readonly number[],
  names: readonly string[] | 'all',
): Promise<ReadonlyMap<number, MetricsRecord>> {
  if (keys.length === 0 || names.length === 0) return new Map()
  const known = names === 'all' ? undefined : await nameIdsOf(database, names.map(plainText))
  const { rows } =
    known === undefined
      ? await database.query<Row>(ALL, [keys])
      : await database.query<Row>(NAMED, [keys, [...new Set(known.values())]])
  const parsed = rows.map((row) => ({ key: row.run_key, values: JSON.parse(row.values) as Record<string, Values> }))
  const nameOf =
    known === undefined
      ? await namesOf(database, new Set(parsed.flatMap(({ values }) => Object.keys(values))))
      : new Map([...known].map(([name, id]) => [String(id), name]))
  return new Map(
    parsed.map(({ key, values }) => {
      const metrics = Object.entries(values).map(([id, [last, lastStep, min, max]]) => {
        const record = { last: Number(last), lastStep, min: numberOrNull(min), max: numberOrNull(max) }
        return [nameOf.get(id) ?? '', record] as const
      })
      // Not by assignment, which a metric called `__proto__` would fool.
      return [key, Object.fromEntries(metrics)]
    }),
  )
}

function numberOrNull(value: number | string | null): number | null {
  return value === null ? null : Number(value)
}

async function namesOf(database: Queryable, ids: ReadonlySet<string>): Promise<Map<string, string>> {
  const found = await database.query<{ id: number; name: string }>(
    { name: 'metrics-of-runs-names', text: 'select id, name from metric_names where id = any($1)' },
    [[...ids].map(Number)],
  )
  return new Map(found.rows.map(({ id, name }) => [String(id), name]))
}
