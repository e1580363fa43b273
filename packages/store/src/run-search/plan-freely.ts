import type { Queryable } from '../database.ts'

const PLAN_FREELY = {
  name: 'plan-freely',
  text: `select set_config(name, value, true), now()::text as now
           from (values ('plan_cache_mode', 'force_custom_plan'), ('enable_seqscan', 'on'), ('enable_bitmapscan', 'on'),
                        ('enable_sort', 'on'), ('enable_hashjoin', 'on'), ('enable_mergejoin', 'on'),
                        ('max_parallel_workers_per_gather', $1::text), ('statement_timeout', $2::text)) as settings (name, value)`,
}

export interface PlanOptions {
  /** Longest that a statement may take. */
  readonly mostMs: number
  /** Processes of Postgres that may help with a statement; none when absent. */
  readonly workers?: number
}

/**
 * Lets Postgres plan the statements of this transaction by what they ask for. Elsewhere every statement reaches a few
 * rows through an index (see database.ts); a search may as well read all runs there are, and no two are alike.
 *
 * @returns the time, to the microsecond, as Postgres writes it
 */
export async function planFreely(tx: Queryable, { mostMs, workers = 0 }: PlanOptions): Promise<string> {
  const { rows } = await tx.query<{ now: string }>(PLAN_FREELY, [String(workers), String(mostMs)])
  return rows[0]?.now ?? 'now'
}
