import type { Database } from '../database.ts'
import { LOCK_EVENTS } from '../webhooks/webhooks.ts'

const MOST = 5000

/** Of runs that are gone, or were over by then and of which nothing is left to be told. */
const IS_DONE = `(r.key is null or (coalesce(r.ended_at, t.ended_at) < $1
  and (r.sweep_id is null or not exists (select from webhooks) or exists (select from sweeps s join event_cursors c on c.sweep_id = s.id
        where s.id = r.sweep_id and c.fact_seq >= s.fact_seq))))`
const TRIAL = 'left join trials t on t.sweep_id = r.sweep_id and t.number = r.trial'

const THRESHOLDS = {
  name: 'retention-event-thresholds',
  text: `delete from event_thresholds where (webhook_id, run_id, place) in (
           select e.webhook_id, e.run_id, e.place from event_thresholds e left join runs r on r.id = e.run_id ${TRIAL}
            where ${IS_DONE} limit ${MOST})`,
}
const FINDINGS = {
  name: 'retention-event-findings',
  text: `delete from event_findings where (run_key, rule, metric) in (
           select e.run_key, e.rule, e.metric from event_findings e left join runs r on r.key = e.run_key ${TRIAL}
            where ${IS_DONE} and not exists (select from run_findings f where f.run_key = e.run_key
              and f.change > (select position from event_positions where name = 'findings'))
            limit ${MOST})`,
}

/**
 * Forgets which bounds and findings webhooks were told of, of runs that were over by then: nothing comes of them that
 * would have to be told once only. @returns how many rows went
 */
export async function pruneEvents(database: Database, overBefore: Date): Promise<number> {
  let count = 0
  for (const statement of [THRESHOLDS, FINDINGS]) {
    for (;;) {
      const pruned = await database.tx(async (tx) => {
        await tx.query(LOCK_EVENTS)
        return (await tx.query(statement, [overBefore])).rowCount ?? 0
      })
      count += pruned
      if (pruned < MOST) break
    }
  }
  return count
}
