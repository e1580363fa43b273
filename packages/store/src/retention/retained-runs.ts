import type { ExperimentId, RunId } from '@sweep/spec/ids'
import type { JudgedBy } from '@sweep/spec/wire/tracking/projects'
import type { Queryable } from '../database.ts'
import { RUN_NAME } from '../tracking/run-record.ts'

/** As much of a run as it takes to say what becomes of it. */
export interface RetainedRun {
  readonly key: number
  readonly id: RunId
  readonly name: string | null
  /** Number of its trial; null for a run outside any sweep. */
  readonly trial: number | null
  /** Null while it may still change: a trial's run as long as its sweep is not over. */
  readonly endedAt: Date | null
  readonly deletedAt: Date | null
  readonly archivedAt: Date | null
  readonly thinnedAt: Date | null
  /** The policy does not archive it. */
  readonly isKept: boolean
  /** The best value of the metric that runs of the experiment are judged by; null without one, and for trials. */
  readonly best: number | null
  /** Stored of all metrics together, and of the one with the most. */
  readonly points: number
  readonly mostPoints: number
}

interface Row {
  readonly key: number
  readonly id: RunId
  readonly name: string | null
  readonly trial: number | null
  readonly ended_at: Date | null
  readonly deleted_at: Date | null
  readonly archived_at: Date | null
  readonly thinned_at: Date | null
  readonly is_kept: boolean
  readonly min_value: number | null
  readonly max_value: number | null
  readonly points: number | null
  readonly most_points: number | null
}

/** Since when a run is over; a trial may be tried again until its sweep is over. */
export const OVER_SINCE = `case when r.sweep_id is null then r.ended_at
  when s.ended_at is not null then coalesce(t.ended_at, s.ended_at) end`
export const RETAINED_TABLES = `runs r
  left join sweeps s on s.id = r.sweep_id
  left join trials t on t.sweep_id = r.sweep_id and t.number = r.trial`

const PAGE = 5000
const RUNS = {
  name: 'retention-runs',
  text: `select r.key, r.id, ${RUN_NAME} as name, r.trial, ${OVER_SINCE} as ended_at, r.deleted_at, r.archived_at,
                r.thinned_at, r.is_kept, m.min_value, m.max_value, stored.points, stored.most_points
           from ${RETAINED_TABLES} join experiments e on e.id = r.experiment_id
           left join run_metrics m on m.run_key = r.key and m.name_id = (select id from metric_names where name = $3)
           left join lateral (select sum(x.points)::int8 as points, max(x.points) as most_points from run_metrics x
                               where x.run_key = r.key) stored on true
          where r.experiment_id = $1 and r.key > $2 and r.purged_at is null
          order by r.experiment_id, r.key limit ${PAGE}`,
}

/**
 * All runs of an experiment, in the order they were made.
 * @param judgedBy what those outside of sweeps are judged by
 */
export async function retainedRuns(
  database: Queryable,
  experimentId: ExperimentId,
  judgedBy: JudgedBy | null,
): Promise<RetainedRun[]> {
  const runs: RetainedRun[] = []
  for (let after = 0; ; ) {
    const { rows } = await database.query<Row>(RUNS, [experimentId, after, judgedBy?.name ?? null])
    for (const row of rows) runs.push(retainedRun(row, judgedBy))
    const last = rows.at(-1)
    if (rows.length < PAGE || last === undefined) return runs
    after = last.key
  }
}

function retainedRun(row: Row, judgedBy: JudgedBy | null): RetainedRun {
  return {
    key: row.key,
    id: row.id,
    name: row.name,
    trial: row.trial,
    endedAt: row.ended_at,
    deletedAt: row.deleted_at,
    archivedAt: row.archived_at,
    thinnedAt: row.thinned_at,
    isKept: row.is_kept,
    best: row.trial !== null ? null : judgedBy?.goal === 'maximize' ? row.max_value : row.min_value,
    points: row.points ?? 0,
    mostPoints: row.most_points ?? 0,
  }
}

const ARCHIVE = {
  name: 'retention-archive',
  text: `update runs set archived_at = clock_timestamp()
          where key in (select r.key from ${RETAINED_TABLES}
                         where r.key = any($1) and ${OVER_SINCE} is not null for no key update of r)
            and archived_at is null and deleted_at is null and not is_kept`,
}

/** Puts runs away that are over by now still. @returns how many */
export async function archiveRuns(tx: Queryable, keys: readonly number[]): Promise<number> {
  const { rowCount } = await tx.query(ARCHIVE, [keys])
  return rowCount ?? 0
}
