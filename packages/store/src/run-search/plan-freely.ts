import type { Queryable } from '../database.ts'

const PLAN_FREELY = {
  name: 'plan-freely',
  text: `select set_config(name, value, true), now()::text as now
           from (values ('plan_cache_mode', 'force_custom_plan'), ('enable_seqscan', 'on'), ('enable_bitmapscan', 'on'),
                        ('enable_sort', 'on'), ('enable_hashjoin', 'on'), ('enable_mergejoin', 'on'),
                        ('statement_timeout', $1::text)) as settings (name, value)`,
}

/**
 * Lets Postgres plan the statements of this transaction by what they ask for. Elsewhere every statement reaches a few
 * rows through an index (see database.ts); a search may as well read all runs there are, and no two are alike.
 *
 * @param mostMs longest that a statement may take
 * @returns the time, to the microsecond, as Postgres writes it
 */
export async function planFreely(tx: Queryable, mostMs: number): Promise<string> {
  const { rows } = await tx.query<{ now: string }>(PLAN_FREELY, [String(mostMs)])
  return rows[0]?.now ?? 'now'
}
