import type { Queryable } from '../database.ts'
import { type Column, decodeColumn, decodeLines } from '../points-codec.ts'

/** Points of one metric, by step; several of one step in the order they came. Times are milliseconds since 1970. */
export type RunSeries = Readonly<Column>

const SERIES = {
  name: 'run-series',
  // One statement, so one snapshot: packing can't move points from one part to the other in between.
  text: `with wanted as materialized (select id from metric_names where name = $2),
         sources as materialized (
           select a.number as place, a.key
             from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
             join attempts a on a.id = any(array(select r.id || '-' || n from generate_series(1, t.attempts) n))
            where r.key = $1
           union all select 0, attempt_key from run_streams where run_key = $1)
         select s.place, 1 as part, c.first as first, c.points, w.id
           from sources s cross join wanted w join metric_chunks c on c.attempt_key = s.key and c.name_id = w.id
         union all
         select s.place, 2, b.batch, b.points, w.id
           from sources s cross join wanted w join metric_batches b on b.attempt_key = s.key
         order by 1, 2, 3`,
}

interface Row {
  /** Number of the attempt; 0 for what was logged to the run itself. */
  readonly place: number
  readonly part: number
  readonly points: Buffer
  readonly id: number
}

interface Point {
  readonly step: number
  readonly at: number
  readonly value: number
}

/**
 * One metric of a run. Of a trial with several attempts a later one counts from its first step on: it has begun anew, or
 * gone on from a checkpoint.
 */
export async function readRunSeries(database: Queryable, runKey: number, name: string): Promise<RunSeries> {
  const { rows } = await database.query<Row>(SERIES, [runKey, name])
  const places = new Map<number, Point[]>()
  for (const row of rows) {
    const points = places.get(row.place) ?? []
    places.set(row.place, points)
    if (row.part === 1) takeColumn(points, decodeColumn(row.points))
    else takeLines(points, row)
  }
  const { 0: own = [], ...attempts } = Object.fromEntries(places)
  const all = [...Object.values(attempts).reduce(continued, []), ...own].sort((a, b) => a.step - b.step)
  return {
    steps: all.map(({ step }) => step),
    times: all.map(({ at }) => at),
    values: all.map(({ value }) => value),
  }
}

/** Steps of which only the last, least and largest point were kept; null where all are there. */
export async function thinnedSteps(database: Queryable, runKey: number, name: string): Promise<number | null> {
  const { rows } = await database.query<{ thinned_steps: number | null }>(
    {
      name: 'run-series-thinned',
      text: `select m.thinned_steps from metric_names n join run_metrics m on m.run_key = $1 and m.name_id = n.id
              where n.name = $2`,
    },
    [runKey, name],
  )
  return rows[0]?.thinned_steps ?? null
}

function continued(before: readonly Point[], attempt: readonly Point[]): Point[] {
  const begin = attempt.reduce((least, { step }) => Math.min(least, step), Number.POSITIVE_INFINITY)
  return [...before.filter(({ step }) => step < begin), ...attempt]
}

function takeColumn(points: Point[], { steps, times, values }: Column): void {
  values.forEach((value, n) => {
    points.push({ step: steps[n] ?? 0, at: times[n] ?? 0, value })
  })
}

function takeLines(points: Point[], row: Row): void {
  for (const { step, at, values } of decodeLines(row.points)) {
    for (const { nameId, value } of values) if (nameId === row.id) points.push({ step, at, value })
  }
}
