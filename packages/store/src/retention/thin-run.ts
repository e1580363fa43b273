import type { Queryable } from '../database.ts'
import { chunksOf, insertChunks, queueCompactions } from '../metrics.ts'
import { type Column, decodeColumn, decodeLines } from '../points-codec.ts'
import { OVER_SINCE, RETAINED_TABLES } from './retained-runs.ts'

/**
 * Chooses the points of a metric that stay: of each attempt, then of what was logged to the run itself, their places.
 * @param least steps that a bucket has at least
 */
export type ChoosePoints = (
  attempts: readonly Column[],
  own: Column,
  least: number,
) => { readonly width: number; readonly kept: readonly (readonly number[])[] }

/** `later`: its newest points are not summed up yet. `changed`: it is no run any more that this may be done to. */
export type Thinned =
  | { readonly result: 'thinned'; readonly pointsBefore: number; readonly pointsAfter: number }
  | { readonly result: 'later' | 'changed' }

const LOCK = {
  name: 'retention-thin-lock',
  text: `select r.key from ${RETAINED_TABLES}
          where r.key = $1 and r.deleted_at is null and r.purged_at is null and ${OVER_SINCE} is not null
            and (r.thinned_at is null or r.thinned_at < ${OVER_SINCE}) for no key update of r`,
}
const SOURCES = {
  name: 'retention-thin-sources',
  text: `select a.key, a.number as place, r.key as run_key, coalesce(m.batches, 0) as summed,
                exists (select from metric_compactions c where c.attempt_key = a.key) as is_due
           from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
           join attempts a on a.id = any(array(select r.id || '-' || n from generate_series(1, t.attempts) n))
           left join metric_summaries m on m.attempt_key = a.key
          where r.key = $1
         union all
         select s.attempt_key, null, null, s.batches, exists (
                  select from metric_compactions c where c.attempt_key = s.attempt_key)
           from run_streams s where s.run_key = $1`,
}
const BATCHES = {
  name: 'retention-thin-batches',
  text: `select attempt_key, batch, points from metric_batches where attempt_key = any($1) order by attempt_key, batch`,
}
const NAMES = {
  name: 'retention-thin-names',
  text: `select m.name_id, m.points, coalesce(m.thinned_steps, 1) as width from run_metrics m where m.run_key = $1`,
}
const CHUNKS = {
  name: 'retention-thin-chunks',
  text: `select attempt_key, points from metric_chunks where attempt_key = any($1) and name_id = $2
          order by attempt_key, name_id, first`,
}

interface Source {
  readonly key: number
  /** Number of the attempt; null for what was logged to the run itself. */
  readonly place: number | null
  readonly run_key: number | null
  readonly summed: number
  readonly is_due: boolean
}

/**
 * Drops points of a run that is over, of every metric that has more than `buckets` of them, and leaves what `choose` says.
 * What metrics have come to (last, least, largest, how many there were) stays as it is: it is summed up elsewhere.
 * To be called in a transaction.
 */
export async function thinRun(tx: Queryable, runKey: number, buckets: number, choose: ChoosePoints): Promise<Thinned> {
  if ((await tx.query(LOCK, [runKey])).rowCount !== 1) return { result: 'changed' }
  // From here on nothing can be logged to it.
  await tx.query('select from run_streams where run_key = $1 for update', [runKey])
  const sources = (await tx.query<Source>(SOURCES, [runKey])).rows.toSorted((a, b) => placeOf(a) - placeOf(b))
  const keys = sources.map(({ key }) => key)
  const batches = (await tx.query<{ attempt_key: number; batch: number; points: Buffer }>(BATCHES, [keys])).rows
  const late = sources.filter(({ key, summed, place }) =>
    batches.some(({ attempt_key, batch }) => attempt_key === key && place !== null && batch >= summed),
  )
  if (late.length > 0 || sources.some(({ is_due }) => is_due)) {
    await queueCompactions(
      tx,
      late.map(({ key, run_key }) => ({ attemptKey: key, runKey: run_key })),
    )
    return { result: 'later' }
  }
  const loose = new LoosePoints()
  for (const { attempt_key, points } of batches) loose.add(attempt_key, points)
  const names = (await tx.query<{ name_id: number; points: number; width: number }>(NAMES, [runKey])).rows
  const sum = { pointsBefore: 0, pointsAfter: 0 }
  for (const { name_id: nameId, points, width: least } of names) {
    if (points <= buckets && !loose.has(nameId)) continue
    const columns = await columnsOf(tx, keys, nameId, loose)
    const before = columns.reduce((count, { values }) => count + values.length, 0)
    const attempts = columns.filter((_, n) => sources[n]?.place !== null)
    const own = columns.find((_, n) => sources[n]?.place === null) ?? emptyColumn()
    const isLarge = before > buckets
    const { width, kept } = isLarge ? choose(attempts, own, least) : { width: least, kept: undefined }
    const left = columns.map((column, n) => (kept === undefined ? column : some(column, kept[n] ?? [])))
    await rewrite(tx, keys, nameId, left)
    if (isLarge) {
      await tx.query('update run_metrics set thinned_steps = $3 where run_key = $1 and name_id = $2', [
        runKey,
        nameId,
        width,
      ])
    }
    sum.pointsBefore += before
    sum.pointsAfter += left.reduce((count, { values }) => count + values.length, 0)
  }
  await tx.query('delete from metric_batches where attempt_key = any($1)', [keys])
  // By the clock that says when it ended, should it be taken up again.
  await tx.query('update runs set thinned_at = clock_timestamp() where key = $1', [runKey])
  return { result: 'thinned', ...sum }
}

/** Attempts in their order, then the run's own points. */
function placeOf({ place }: Source): number {
  return place ?? Number.MAX_SAFE_INTEGER
}

function emptyColumn(): Column {
  return { steps: [], times: [], values: [] }
}

function some({ steps, times, values }: Column, places: readonly number[]): Column {
  const of = (list: readonly number[]) => places.map((place) => list[place] ?? Number.NaN)
  return { steps: of(steps), times: of(times), values: of(values) }
}

/** Points of batches that were never packed, by attempt and metric. */
class LoosePoints {
  readonly #columns = new Map<string, Column>()
  readonly #names = new Set<number>()

  add(attemptKey: number, bytes: Buffer): void {
    for (const { step, at, values } of decodeLines(bytes)) {
      for (const { nameId, value } of values) {
        this.#names.add(nameId)
        const place = `${attemptKey}/${nameId}`
        const column = this.#columns.get(place) ?? emptyColumn()
        this.#columns.set(place, column)
        append(column, { steps: [step], times: [at], values: [value] })
      }
    }
  }

  has(nameId: number): boolean {
    return this.#names.has(nameId)
  }

  get(attemptKey: number, nameId: number): Column {
    return this.#columns.get(`${attemptKey}/${nameId}`) ?? emptyColumn()
  }
}

function append(column: Column, { steps, times, values }: Column): void {
  for (let n = 0; n < values.length; n += 1) {
    column.steps.push(steps[n] ?? 0)
    column.times.push(times[n] ?? 0)
    column.values.push(values[n] ?? Number.NaN)
  }
}

/** One metric of each of these attempts, packed points first. */
async function columnsOf(
  tx: Queryable,
  keys: readonly number[],
  nameId: number,
  loose: LoosePoints,
): Promise<readonly Column[]> {
  const { rows } = await tx.query<{ attempt_key: number; points: Buffer }>(CHUNKS, [keys, nameId])
  const columns = new Map(keys.map((key) => [key, emptyColumn()]))
  for (const { attempt_key, points } of rows) append(columns.get(attempt_key) ?? emptyColumn(), decodeColumn(points))
  return [...columns].map(([key, column]) => {
    append(column, loose.get(key, nameId))
    return column
  })
}

async function rewrite(
  tx: Queryable,
  keys: readonly number[],
  nameId: number,
  columns: readonly Column[],
): Promise<void> {
  await tx.query('delete from metric_chunks where attempt_key = any($1) and name_id = $2', [keys, nameId])
  for (const [n, column] of columns.entries()) await insertChunks(tx, keys[n] ?? 0, chunksOf(nameId, column, 0))
}
