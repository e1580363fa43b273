import type { Queryable } from '../database.ts'
import { type Column, decodeColumn, decodeLines, type Line } from '../points-codec.ts'
import type { WatchedRun } from './watched-runs.ts'

export interface NewBatch {
  readonly attemptKey: number
  readonly batch: number
  /** Takes them apart, which throws for what can't be read. */
  readonly lines: () => Line[]
}

const BATCHES = {
  name: 'health-batches',
  text: `select b.attempt_key, b.batch, b.points
           from unnest($1::int8[], $2::int[]) as x (attempt_key, first)
           cross join lateral (
             select attempt_key, batch, points from metric_batches
              where attempt_key = x.attempt_key and batch >= x.first order by attempt_key, batch) b`,
}

/** Batches from number `first` on that are not packed yet, by attempt in the order given, and in their order. */
export async function newBatches(
  database: Queryable,
  from: readonly { readonly attemptKey: number; readonly first: number }[],
): Promise<NewBatch[]> {
  const { rows } = await database.query<{ attempt_key: number; batch: number; points: Buffer }>(BATCHES, [
    from.map(({ attemptKey }) => attemptKey),
    from.map(({ first }) => first),
  ])
  return rows.map(({ attempt_key: attemptKey, batch, points }) => ({
    attemptKey,
    batch,
    lines: () => decodeLines(points),
  }))
}

const NAMES = {
  name: 'health-names',
  text: `select n.id, n.name from metric_names n
          where n.id = any((select array_agg(id) from (
            select unnest(a.name_ids) as id from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
              join attempts a on a.id = any(array(select r.id || '-' || n from generate_series(1, t.attempts) n))
             where r.key = any($1)
            union select unnest(name_ids) from run_streams where run_key = any($1)) ids)::int[])`,
}

/** Names of all metrics of some runs, by id. */
export async function metricNamesOf(database: Queryable, runs: readonly WatchedRun[]): Promise<Map<number, string>> {
  const { rows } = await database.query<{ id: number; name: string }>(NAMES, [runs.map(({ runKey }) => runKey)])
  return new Map(rows.map(({ id, name }) => [id, name]))
}

/**
 * Of a metric with many points its beginning and what is newest: a thousand points each, and two thousand more. Whoever
 * starts to watch a run that is a week old need not read the week.
 */
const PACKED = {
  name: 'health-packed',
  text: `select s.key as attempt_key, n.id as name_id, c.points
           from unnest($1::int8[]) with ordinality as s (key, place) cross join unnest($2::int[]) as n (id)
           cross join lateral (
             select first, points from metric_chunks where attempt_key = s.key and name_id = n.id and first = 0
             union all
             (select first, points from metric_chunks where attempt_key = s.key and name_id = n.id and first > 0
               order by attempt_key desc, name_id desc, first desc limit 3)) c
          order by s.place, n.id, c.first`,
}

export interface PackedPoints {
  readonly attemptKey: number
  readonly nameId: number
  readonly column: Column
}

/** Packed points of these metrics, in their order; of long ones only some. */
export async function packedPoints(
  database: Queryable,
  attemptKeys: readonly number[],
  nameIds: readonly number[],
): Promise<PackedPoints[]> {
  if (attemptKeys.length === 0 || nameIds.length === 0) return []
  const { rows } = await database.query<{ attempt_key: number; name_id: number; points: Buffer }>(PACKED, [
    attemptKeys,
    nameIds,
  ])
  return rows.map((row) => ({ attemptKey: row.attempt_key, nameId: row.name_id, column: decodeColumn(row.points) }))
}
