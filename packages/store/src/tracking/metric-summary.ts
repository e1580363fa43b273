import type { Queryable } from '../database.ts'
import type { Column, Line } from '../points-codec.ts'

/**
 * What a metric has come to. The last point is that of the highest step, of several with that step the one that came
 * last. NaN is neither minimum nor maximum.
 */
export interface Summary {
  readonly points: number
  readonly last: number
  readonly lastStep: number
  /** Milliseconds since 1970. */
  readonly lastAt: number
  readonly min: number | null
  readonly minStep: number | null
  readonly max: number | null
  readonly maxStep: number | null
}

/** Summaries by the id of the metric's name. */
export class Summaries {
  readonly #all = new Map<number, Growing>()

  get all(): ReadonlyMap<number, Summary> {
    return this.#all
  }

  addLines(lines: readonly Line[]): void {
    for (const { step, at, values } of lines) {
      for (const { nameId, value } of values) this.#add(nameId, step, at, value)
    }
  }

  addColumn(nameId: number, { steps, times, values }: Column): void {
    values.forEach((value, n) => {
      this.#add(nameId, steps[n] ?? 0, times[n] ?? 0, value)
    })
  }

  /** In place: there is one of these for every point that comes. */
  #add(nameId: number, step: number, at: number, value: number): void {
    let known = this.#all.get(nameId)
    if (known === undefined) {
      const none = { min: null, minStep: null, max: null, maxStep: null }
      known = { points: 0, last: value, lastStep: step, lastAt: at, ...none }
      this.#all.set(nameId, known)
    }
    known.points += 1
    if (step >= known.lastStep) {
      known.last = value
      known.lastStep = step
      known.lastAt = at
    }
    if (Number.isNaN(value)) return
    if (known.min === null || value < known.min) {
      known.min = value
      known.minStep = step
    }
    if (known.max === null || value > known.max) {
      known.max = value
      known.maxStep = step
    }
  }
}

type Growing = { -readonly [field in keyof Summary]: Summary[field] }

/** Two of the same metric, `later` having come after `before`. */
export function merged(before: Summary, later: Summary): Summary {
  const last = later.lastStep >= before.lastStep ? later : before
  const min = later.min !== null && (before.min === null || later.min < before.min) ? later : before
  const max = later.max !== null && (before.max === null || later.max > before.max) ? later : before
  return {
    points: before.points + later.points,
    last: last.last,
    lastStep: last.lastStep,
    lastAt: last.lastAt,
    min: min.min,
    minStep: min.minStep,
    max: max.max,
    maxStep: max.maxStep,
  }
}

/** What some points of one attempt, or of a run's own stream, add to the summaries of its run. */
export interface SummaryPart {
  readonly runKey: number
  readonly attemptKey: number
  readonly summaries: Summaries
}

const IS_LATER = '(excluded.attempt_key, excluded.last_step) >= (m.attempt_key, m.last_step)'

/** As `merged`, but the last point of a later attempt comes after that of an earlier one whatever its step. */
const MERGE = {
  name: 'run-metrics-merge',
  text: `insert into run_metrics as m (run_key, name_id, attempt_key, points, last_value, last_step, last_at, min_value,
           min_step, max_value, max_step)
         select * from unnest($1::int8[], $2::int[], $3::int8[], $4::int8[], $5::float8[], $6::int8[], $7::float8[],
           $8::float8[], $9::int8[], $10::float8[], $11::int8[])
         on conflict (run_key, name_id) do update set
           points = m.points + excluded.points,
           attempt_key = greatest(m.attempt_key, excluded.attempt_key),
           last_value = case when ${IS_LATER} then excluded.last_value else m.last_value end,
           last_step = case when ${IS_LATER} then excluded.last_step else m.last_step end,
           last_at = case when ${IS_LATER} then excluded.last_at else m.last_at end,
           min_step = case when excluded.min_value < m.min_value or m.min_value is null then excluded.min_step
                           else m.min_step end,
           min_value = least(m.min_value, excluded.min_value),
           max_step = case when excluded.max_value > m.max_value or m.max_value is null then excluded.max_step
                           else m.max_step end,
           max_value = greatest(m.max_value, excluded.max_value)`,
}

/** In one order for everybody: the rows of a run are locked until the transaction ends. */
export async function mergeSummaries(tx: Queryable, parts: readonly SummaryPart[]): Promise<void> {
  // A statement may not touch a row twice.
  const rows = new Map<string, { runKey: number; nameId: number; attemptKey: number; summary: Summary }>()
  for (const { runKey, attemptKey, summaries } of parts) {
    for (const [nameId, summary] of summaries.all) {
      const place = `${runKey}/${nameId}/${attemptKey}`
      const before = rows.get(place)
      rows.set(place, {
        runKey,
        nameId,
        attemptKey,
        summary: before === undefined ? summary : merged(before.summary, summary),
      })
    }
  }
  const sorted = [...rows.values()].sort(
    (a, b) => a.runKey - b.runKey || a.nameId - b.nameId || a.attemptKey - b.attemptKey,
  )
  for (const batch of withoutRepeats(sorted)) {
    await tx.query(MERGE, [
      batch.map((row) => row.runKey),
      batch.map((row) => row.nameId),
      batch.map((row) => row.attemptKey),
      batch.map(({ summary }) => summary.points),
      batch.map(({ summary }) => summary.last),
      batch.map(({ summary }) => summary.lastStep),
      batch.map(({ summary }) => summary.lastAt),
      batch.map(({ summary }) => summary.min),
      batch.map(({ summary }) => summary.minStep),
      batch.map(({ summary }) => summary.max),
      batch.map(({ summary }) => summary.maxStep),
    ])
  }
}

/** Rows of one run and name that are of several attempts, sorted, come in one list after the other. */
function withoutRepeats<T extends { runKey: number; nameId: number }>(sorted: readonly T[]): T[][] {
  const lists: T[][] = []
  let before: T | undefined
  let depth = 0
  for (const row of sorted) {
    depth = before?.runKey === row.runKey && before.nameId === row.nameId ? depth + 1 : 0
    const list = lists[depth] ?? []
    lists[depth] = list
    list.push(row)
    before = row
  }
  return lists
}
