import { SweepError } from '@sweep/spec/errors'
import type { RunId } from '@sweep/spec/ids'
import type { Queryable } from '../database.ts'
import { type Column, decodeColumn, decodeLines } from '../points-codec.ts'

/** Some points of one metric, in the order they came. */
export interface PointBlock {
  readonly name: string
  readonly column: Column
}

const SOURCES = {
  name: 'stream-sources',
  text: `select a.key, a.number as place
           from runs r join trials t on t.sweep_id = r.sweep_id and t.number = r.trial
           join attempts a on a.id = any(array(select r.id || '-' || n from generate_series(1, t.attempts) n))
          where r.key = $1
         union all select attempt_key, null from run_streams where run_key = $1`,
}

/**
 * All points of a run, a bounded number at a time, in the order they came; of a trial those that `readRunSeries` shows.
 * What comes meanwhile may be there or not, and nothing is there twice.
 * @throws SweepError `conflict` when points were dropped by the policy of the project meanwhile
 */
export async function* streamRunPoints(
  database: Queryable,
  run: { readonly key: number; readonly id: RunId },
): AsyncGenerator<PointBlock> {
  const { rows } = await database.query<{ key: number; place: number | null }>(SOURCES, [run.key])
  const last = Number.MAX_SAFE_INTEGER
  const sources = rows.toSorted((a, b) => (a.place ?? last) - (b.place ?? last))
  const attempts = sources.filter(({ place }) => place !== null)
  const names = new Map<number, string>()
  const cuts = new Array<ReadonlyMap<number, number>>(attempts.length)
  const begins = new Map<number, number>()
  // Only where a later attempt takes the place of an earlier one.
  for (let n = attempts.length - 1; n >= 0; n -= 1) {
    cuts[n] = new Map(begins)
    if (n === 0) break
    for await (const { nameId, column } of streamPoints(database, attempts[n]?.key ?? 0, run.id)) {
      for (const step of column.steps) begins.set(nameId, Math.min(begins.get(nameId) ?? step, step))
    }
  }
  for (const [n, { key }] of sources.entries()) {
    for await (const { nameId, column } of streamPoints(database, key, run.id)) {
      const cut = cuts[n]?.get(nameId)
      const left = cut === undefined ? column : before(column, cut)
      if (left.values.length > 0) yield { name: await nameOf(database, names, nameId), column: left }
    }
  }
}

function before({ steps, times, values }: Column, cut: number): Column {
  const kept = (list: readonly number[]) => list.filter((_, n) => (steps[n] ?? 0) < cut)
  return { steps: kept(steps), times: kept(times), values: kept(values) }
}

async function nameOf(database: Queryable, names: Map<number, string>, id: number): Promise<string> {
  const known = names.get(id)
  if (known !== undefined) return known
  const { rows } = await database.query<{ name: string }>('select name from metric_names where id = $1', [id])
  const name = rows[0]?.name ?? ''
  names.set(id, name)
  return name
}

interface Block {
  readonly nameId: number
  readonly column: Column
}

const CHUNKS_AT_ONCE = 50
const CHUNKS = {
  name: 'stream-chunks',
  text: `select name_id, first, count, points from metric_chunks
          where attempt_key = $1 and (name_id, first) > ($2, $3)
          order by attempt_key, name_id, first limit ${CHUNKS_AT_ONCE}`,
}
const BATCHES_AT_ONCE = 16
const BATCHES = {
  name: 'stream-batches',
  // With the counts of what is packed, so that it is noticed when batches were packed since the chunks were read.
  text: `select 1 as part, name_id as place, max(first + count)::int as count, null::bytea as points
           from metric_chunks where attempt_key = $1 group by name_id
         union all
         (select 2, batch, 0, points from metric_batches where attempt_key = $1 and batch > $2
           order by attempt_key, batch limit ${BATCHES_AT_ONCE})`,
}

/** Points of one attempt or stream. They move from batches to chunks now and then, in their order. */
async function* streamPoints(database: Queryable, attemptKey: number, runId: RunId): AsyncGenerator<Block> {
  const sent = new Map<number, number>()
  let lastBatch = -1
  for (;;) {
    const packed = yield* sendChunks(database, attemptKey, sent)
    for (;;) {
      const { rows } = await database.query<{ part: number; place: number; count: number; points: Buffer }>(BATCHES, [
        attemptKey,
        lastBatch,
      ])
      const now = new Map(rows.flatMap(({ part, place, count }) => (part === 1 ? [[place, count] as const] : [])))
      if ([...packed].some(([nameId, count]) => (now.get(nameId) ?? 0) < count)) throw dropped(runId)
      if ([...now].some(([nameId, count]) => (packed.get(nameId) ?? 0) < count)) break
      const batches = rows.filter(({ part }) => part === 2).toSorted((a, b) => a.place - b.place)
      const blocks = new Map<number, Column>()
      for (const { points } of batches) addLines(blocks, points)
      for (const [nameId, column] of blocks) {
        sent.set(nameId, (sent.get(nameId) ?? 0) + column.values.length)
        yield { nameId, column }
      }
      lastBatch = batches.at(-1)?.place ?? lastBatch
      if (batches.length < BATCHES_AT_ONCE) return
    }
  }
}

/** @returns how many points of each metric are packed */
async function* sendChunks(
  database: Queryable,
  attemptKey: number,
  sent: Map<number, number>,
): AsyncGenerator<Block, ReadonlyMap<number, number>> {
  const packed = new Map<number, number>()
  let after: readonly [number, number] = [0, 0]
  for (;;) {
    const { rows } = await database.query<{ name_id: number; first: number; count: number; points: Buffer }>(CHUNKS, [
      attemptKey,
      ...after,
    ])
    for (const { name_id: nameId, first, count, points } of rows) {
      packed.set(nameId, first + count)
      const from = (sent.get(nameId) ?? 0) - first
      if (from >= count) continue
      const column = decodeColumn(points)
      sent.set(nameId, first + count)
      yield { nameId, column: from <= 0 ? column : rest(column, from) }
    }
    const last = rows.at(-1)
    if (rows.length < CHUNKS_AT_ONCE || last === undefined) return packed
    after = [last.name_id, last.first]
  }
}

function rest({ steps, times, values }: Column, from: number): Column {
  return { steps: steps.slice(from), times: times.slice(from), values: values.slice(from) }
}

function addLines(blocks: Map<number, Column>, bytes: Buffer): void {
  for (const { step, at, values } of decodeLines(bytes)) {
    for (const { nameId, value } of values) {
      const column = blocks.get(nameId) ?? { steps: [], times: [], values: [] }
      blocks.set(nameId, column)
      column.steps.push(step)
      column.times.push(at)
      column.values.push(value)
    }
  }
}

function dropped(id: RunId): SweepError {
  return new SweepError('conflict', `points of run ${id} were dropped while they were read`, {
    hint: 'Begin again: the policy of the project has thinned them out.',
    retryable: true,
  })
}
