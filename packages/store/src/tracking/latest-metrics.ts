import type { Queryable } from '../database.ts'

export interface LatestMetric {
  readonly name: string
  readonly value: number
  readonly step: number
  /** Milliseconds since 1970. */
  readonly at: number
}

const LATEST = {
  name: 'latest-metrics',
  text: `select m.run_key, n.name, m.last_value as value, m.last_step as step, m.last_at as at
           from run_metrics m join metric_names n on n.id = m.name_id
          where m.run_key = any($1) order by m.run_key, n.name collate "C"`,
}

/** The newest point of every metric of some runs, by key of the run; of a trial that runs they may be seconds old. */
export async function latestMetrics(
  database: Queryable,
  runKeys: readonly number[],
): Promise<ReadonlyMap<number, readonly LatestMetric[]>> {
  const { rows } = await database.query<LatestMetric & { readonly run_key: number }>(LATEST, [runKeys])
  const found = new Map<number, LatestMetric[]>()
  for (const { run_key: key, ...metric } of rows) {
    const metrics = found.get(key) ?? []
    found.set(key, metrics)
    metrics.push(metric)
  }
  return found
}
