import type { Queryable } from '../database.ts'

const FORGET = {
  name: 'run-loss-forget',
  text: 'update run_heartbeats set seen_at = now(), lost_at = null where run_key = $1',
}

/** Of a run that goes on after all, or has ended in a way that is known. */
export async function forgetLoss(tx: Queryable, key: number): Promise<void> {
  await tx.query(FORGET, [key])
}
