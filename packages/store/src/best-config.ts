import type { SweepId } from '@sweep/spec/ids'
import type { Config } from '@sweep/spec/search-space'
import type { Queryable } from './database.ts'

/** The best trial of a sweep; where it has `replicates`, the config of the best mean. */
export interface BestRecord {
  /** Of a config the first. */
  readonly trial: number
  readonly value: number
  readonly config: Config
  /** How many runs of the config `value` is the mean of; null where it is that of a trial. */
  readonly runs: number | null
}

const IS_COUNTED = `(t.state = 'completed' and t.loss is not null)`

/**
 * Of a sweep `s` with `replicates`, as `m`, the config of the best mean over its completed runs, by its first trial; no
 * row for other sweeps. Configs with all their runs come first, and none whose runs break a constraint comes at all: a
 * single good run among several seeds is luck. SQL, worked out when somebody looks, since a config is better or worse by
 * every run of it that ends.
 */
export const BEST_CONFIG = `lateral (
  select min(t.number) as trial, avg(t.value) filter (where ${IS_COUNTED}) as value,
         count(*) filter (where ${IS_COUNTED})::int as runs
    from sweep_definitions d join trials t on t.sweep_id = d.sweep_id
   where d.sweep_id = s.id and d.document ? 'replicates'
   group by t.hash, d.document
  having count(*) filter (where ${IS_COUNTED}) > 0 and not bool_or(${IS_COUNTED} and t.infeasible)
   order by count(*) filter (where ${IS_COUNTED}) >= (d.document #>> '{replicates,seeds}')::int desc,
         avg(t.loss) filter (where ${IS_COUNTED}), min(t.number)
   limit 1)`

/**
 * Whether the best of a sweep `s` is a config rather than a trial. As a value, since `exists` would be answered by reading
 * the documents of all sweeps first.
 */
export const HAS_REPLICATES = `coalesce((select d.document ? 'replicates' from sweep_definitions d where d.sweep_id = s.id), false)`

/** The best of a sweep `s` beside `BEST_CONFIG`, by the first trial of a config. */
export const BEST_COLUMNS = `case when ${HAS_REPLICATES} then m.trial else s.best_trial end as best_trial,
  case when ${HAS_REPLICATES} then m.value else s.best_value end as best_value`

const BY_SWEEP = {
  name: 'best-configs',
  text: `select s.id, m.trial, m.value, m.runs, b.config from sweeps s join ${BEST_CONFIG} m on true
           join trials b on b.sweep_id = s.id and b.number = m.trial where s.id = any($1)`,
}

/** Of the sweeps that have one: with `replicates`, and a run that has completed. */
export async function bestConfigs(
  database: Queryable,
  ids: readonly SweepId[],
): Promise<ReadonlyMap<SweepId, BestRecord>> {
  if (ids.length === 0) return new Map()
  const { rows } = await database.query<BestRecord & { readonly id: SweepId }>(BY_SWEEP, [ids])
  return new Map(rows.map(({ id, ...best }) => [id, best]))
}
