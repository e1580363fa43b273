/** Share of a budget at which people want to know. */
export const BUDGET_SHARE = 0.8

/** Share of its budget that a sweep `s` has used, of the part that is used most; 0 without a budget. SQL. */
export const BUDGET_USED = `greatest(coalesce(s.created_trials::float8 / s.budget_trials, 0),
  coalesce(s.gpu_seconds / s.budget_gpu_seconds, 0),
  coalesce(1000 * extract(epoch from clock_timestamp() - s.started_at)::float8 / s.budget_wall_ms, 0))`
