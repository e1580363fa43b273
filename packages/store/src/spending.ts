import { Cause } from '@sweep/spec/attempt'
import type { SweepId } from '@sweep/spec/ids'
import type { TrialState } from '@sweep/spec/trial'
import type { Queryable } from './database.ts'

/** What the attempts that ended of one cause took, of trials in one state. */
export interface SpendingRow {
  /** Of the trials as they are now. */
  readonly state: TrialState
  readonly cause: Cause
  readonly attempts: number
  readonly seconds: number
  readonly gpuSeconds: number
  /** Numbers of at most 20 of the trials, ascending. */
  readonly trials: readonly number[]
  /** Of the newest attempt of the lowest of these trials. */
  readonly message: string
}

const SPENDING = {
  name: 'sweep-spending',
  // Attempts by their ids, which are made of the trial's key: there is no index over the sweep's attempts.
  text: `with ended as (
           select t.state, t.number, a.number as attempt, a.cause, a.seconds, a.gpu_seconds, a.message
             from trials t
             join attempts a on a.id = any(array(
               select t.sweep_id || '-' || t.number || '-' || n from generate_series(1, t.attempts) n))
            where t.sweep_id = $1 and a.state = 'ended')
         select state, cause, count(*)::int as attempts, coalesce(sum(seconds), 0) as seconds,
                coalesce(sum(gpu_seconds), 0) as gpu_seconds,
                (array_agg(number order by number, attempt desc))[1:20] as trials,
                coalesce((array_agg(message order by number, attempt desc))[1], '') as message
           from ended group by state, cause order by state, cause`,
}

interface Row {
  readonly state: TrialState
  readonly cause: string
  readonly attempts: number
  readonly seconds: number
  readonly gpu_seconds: number
  readonly trials: readonly number[]
  readonly message: string
}

export async function sweepSpending(database: Queryable, sweepId: SweepId): Promise<SpendingRow[]> {
  const { rows } = await database.query<Row>(SPENDING, [sweepId])
  return rows.map(({ gpu_seconds: gpuSeconds, cause, ...row }) => ({ ...row, cause: Cause.parse(cause), gpuSeconds }))
}
