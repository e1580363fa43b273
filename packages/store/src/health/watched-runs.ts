import { Metric } from '@sweep/spec/document/sweep-document'
import type { RunId, SweepId } from '@sweep/spec/ids'
import type { Queryable } from '../database.ts'

/** Points of a run that were reported together: an attempt of its trial, or what was logged to the run itself. */
export interface WatchedSource {
  readonly attemptKey: number
  /** Of the trial; null for what was logged to the run itself. */
  readonly attempt: number | null
  readonly batches: number
}

export interface WatchedRun {
  readonly runKey: number
  readonly runId: RunId
  readonly trial: { readonly sweepId: SweepId; readonly number: number } | null
  /** Number of the attempt that runs; null when none does. */
  readonly runningAttempt: number | null
  /** It has ended, and this is the last look. */
  readonly isDone: boolean
  /** What runs of its experiment are judged by; null for trials, whose sweep says so. */
  readonly metric: Pick<Metric, 'name' | 'goal'> | null
  /** In the order of their attempts; the run's own points last. */
  readonly sources: readonly WatchedSource[]
}

const WATCHED = {
  name: 'health-watched',
  text: `with live as materialized (
           select a.run_key from attempts a where a.state = 'running' and a.batches > 0
           union select r.key from runs r where r.status = 'running'
           union select d.run_key from health_due d
           limit $1)
         select l.run_key, r.id, r.sweep_id, r.trial, e.metric, s.attempt_key, s.attempt, s.batches, s.running,
                r.status = 'running' as runs_itself, exists (select from health_due d where d.run_key = l.run_key) as due
           from live l join runs r on r.key = l.run_key join experiments e on e.id = r.experiment_id
           cross join lateral (
             select a.key as attempt_key, a.number as attempt, a.batches, a.state = 'running' as running
               from trials t join attempts a
                 on a.id = any(array(select t.sweep_id || '-' || t.number || '-' || n from generate_series(1, t.attempts) n))
              where t.sweep_id = r.sweep_id and t.number = r.trial
             union all
             select attempt_key, null, batches, false from run_streams where run_key = l.run_key) s`,
}

interface Row {
  readonly run_key: number
  readonly id: RunId
  readonly sweep_id: SweepId | null
  readonly trial: number | null
  readonly metric: unknown
  readonly attempt_key: number
  readonly attempt: number | null
  readonly batches: number
  readonly running: boolean
  readonly runs_itself: boolean | null
  readonly due: boolean
}

const Judged = Metric.pick({ name: true, goal: true })

/** Runs that have points and run, or have ended and were not looked at since; at most `limit`. */
export async function watchedRuns(database: Queryable, limit: number): Promise<WatchedRun[]> {
  const { rows } = await database.query<Row>(WATCHED, [limit])
  // Not by the statement, which would read all runs there are in the order of their keys, see database.ts.
  const place = ({ attempt }: Row) => attempt ?? Number.POSITIVE_INFINITY
  const sorted = rows.toSorted((a, b) => a.run_key - b.run_key || (place(a) === place(b) ? 0 : place(a) - place(b)))
  const byKey = new Map<number, Row[]>()
  for (const row of sorted) {
    const list = byKey.get(row.run_key) ?? []
    byKey.set(row.run_key, list)
    list.push(row)
  }
  return [...byKey].flatMap(([runKey, list]) => {
    const [first] = list
    if (first === undefined) return []
    const { id: runId, sweep_id: sweepId, trial: number } = first
    const metric = Judged.safeParse(first.metric)
    return [
      {
        runKey,
        runId,
        trial: sweepId === null || number === null ? null : { sweepId, number },
        runningAttempt: list.find((row) => row.running)?.attempt ?? null,
        isDone: first.due && first.runs_itself !== true && !list.some((row) => row.running),
        metric: metric.success ? metric.data : null,
        sources: list.map(({ attempt_key, attempt, batches }) => ({ attemptKey: attempt_key, attempt, batches })),
      },
    ]
  })
}

/** Asks for runs to be looked at once more, as they have ended. */
export async function queueHealth(tx: Queryable, runKeys: readonly number[]): Promise<void> {
  if (runKeys.length === 0) return
  // In one order for everybody: two that add the same rows then wait for one another, not in a circle.
  const sorted = [...new Set(runKeys)].sort((a, b) => a - b)
  await tx.query(
    {
      name: 'health-queue',
      text: 'insert into health_due (run_key) select unnest($1::int8[]) on conflict do nothing',
    },
    [sorted],
  )
}

/** Notes that these runs were looked at. Points that come later are looked at while a run runs. */
export async function healthDone(database: Queryable, runKeys: readonly number[]): Promise<void> {
  if (runKeys.length === 0) return
  await database.query({ name: 'health-done', text: 'delete from health_due where run_key = any($1)' }, [runKeys])
}
