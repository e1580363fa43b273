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

/** Whether the best of a sweep `s` is a config rather than a trial. */
export const HAS_REPLICATES = `exists (select from sweep_definitions d where d.sweep_id = s.id and d.document ? 'replicates')`

/** The best of a sweep `s` beside `BEST_CONFIG`, by the first trial of a config. */
export const BEST_COLUMNS = `case when ${HAS_REPLICATES} then m.trial else s.best_trial end as best_trial,
  case when ${HAS_REPLICATES} then m.value else s.best_value end as best_value`
