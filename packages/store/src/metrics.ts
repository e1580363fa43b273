import type { SweepId } from '@sweep/spec/ids'
import { resolveAttempt } from './attempt-record.ts'
import type { Database, Queryable } from './database.ts'
import { queueHealth } from './health/watched-runs.ts'
import { type Column, decodeColumn, decodeLines, encodeColumn } from './points-codec.ts'
import { type KnownSummary, lockSummaries, summarise } from './tracking/summarise.ts'

/** Points of one attempt as they came with one report. */
export interface MetricBatch {
  readonly attemptKey: number
  /** Counts the batches of the attempt from 0. */
  readonly batch: number
  readonly points: Uint8Array
}

/** Most points in a row of metric_chunks. */
const CHUNK_POINTS = 1000

const INSERT_BATCHES = {
  name: 'metric-batches-insert',
  // One binary parameter, cut up by the server: an array of bytea would travel as hexadecimal text.
  text: `insert into metric_batches (attempt_key, batch, points)
         select key, batch, substring($1::bytea from start for length)
           from unnest($2::int8[], $3::int[], $4::int[], $5::int[]) as list (key, batch, start, length)`,
}

export async function insertBatches(tx: Queryable, batches: readonly MetricBatch[]): Promise<void> {
  if (batches.length === 0) return
  const { bytes, starts, lengths } = joined(batches.map((batch) => batch.points))
  const keys = batches.map((batch) => batch.attemptKey)
  await tx.query(INSERT_BATCHES, [bytes, keys, batches.map((batch) => batch.batch), starts, lengths])
}

function joined(parts: readonly Uint8Array[]): { bytes: Buffer; starts: number[]; lengths: number[] } {
  const starts: number[] = []
  let at = 1
  for (const part of parts) {
    starts.push(at)
    at += part.length
  }
  return { bytes: Buffer.concat(parts), starts, lengths: parts.map((part) => part.length) }
}

export interface Series {
  readonly name: string
  readonly steps: readonly number[]
  readonly values: readonly number[]
  /** Milliseconds since 1970 by the agent's clock. */
  readonly times: readonly number[]
}

const SERIES = {
  name: 'metric-series',
  // One statement, so one snapshot: compaction can't move points from one part to the other in between.
  text: `with wanted as (select a.key, n.id from attempts a, metric_names n where a.id = $1 and n.name = $2)
         select 1 as part, c.first as place, c.points, w.id
           from wanted w join metric_chunks c on c.attempt_key = w.key and c.name_id = w.id
         union all
         select 2, b.batch, b.points, w.id from wanted w join metric_batches b on b.attempt_key = w.key
         order by 1, 2`,
}

interface SeriesRow {
  readonly part: number
  readonly points: Buffer
  readonly id: number
}

/** All points of one metric of a trial, in the order they came; of its newest attempt unless one is named. */
export async function readSeries(
  database: Queryable,
  request: { readonly sweepId: SweepId; readonly trial: number; readonly attempt?: number; readonly name: string },
): Promise<Series | undefined> {
  const id = await resolveAttempt(database, request.sweepId, request.trial, request.attempt)
  if (id === undefined) return undefined
  const { rows } = await database.query<SeriesRow>(SERIES, [id, request.name])
  const all: Column = { steps: [], times: [], values: [] }
  for (const row of rows) {
    if (row.part === 1) append(all, decodeColumn(row.points))
    else appendLines(all, row)
  }
  return { name: request.name, ...all }
}

function append(all: Column, column: Column): void {
  for (let n = 0; n < column.values.length; n += 1) {
    all.steps.push(column.steps[n] ?? 0)
    all.times.push(column.times[n] ?? 0)
    all.values.push(column.values[n] ?? Number.NaN)
  }
}

function appendLines(all: Column, row: SeriesRow): void {
  for (const line of decodeLines(row.points)) {
    for (const { nameId, value } of line.values) {
      if (nameId !== row.id) continue
      all.steps.push(line.step)
      all.times.push(line.at)
      all.values.push(value)
    }
  }
}

/** Names of the metrics that a trial has reported in any attempt, sorted; `system/…` ones included. */
export async function metricNames(database: Queryable, sweepId: SweepId, trial: number): Promise<string[]> {
  const { rows } = await database.query<{ name: string }>(
    {
      name: 'metric-names-of-trial',
      text: `select distinct n.name collate "C" as name
               from trials t
               join attempts a on a.id = any(array(
                 select t.sweep_id || '-' || t.number || '-' || n from generate_series(1, t.attempts) n))
               join metric_names n on n.id = any(a.name_ids)
              where t.sweep_id = $1 and t.number = $2 order by 1`,
    },
    [sweepId, trial],
  )
  return rows.map((row) => row.name)
}

/** Whose points are to be packed; `runKey` null where the summaries of the run have them already. */
export interface Compaction {
  readonly attemptKey: number
  readonly runKey: number | null
}

export async function queueCompactions(tx: Queryable, compactions: readonly Compaction[]): Promise<void> {
  if (compactions.length === 0) return
  await tx.query(
    {
      name: 'compactions-queue',
      text: `insert into metric_compactions (attempt_key, run_key) select * from unnest($1::int8[], $2::int8[])
             on conflict do nothing`,
    },
    [compactions.map(({ attemptKey }) => attemptKey), compactions.map(({ runKey }) => runKey)],
  )
}

/**
 * Packs the points of attempts that have ended (or have many batches) by metric, at most `limit` attempts a call, and
 * adds them to the summaries of their runs. Call now and then until it returns 0; reading and reporting work at any
 * time, and several processes may call it.
 * @returns how many attempts were packed
 */
export async function compactAttempts(database: Database, limit = 100): Promise<number> {
  for (let count = 0; ; ) {
    const packed = await database.tx((tx) => compactSome(tx, Math.min(limit - count, AT_ONCE)))
    count += packed
    if (packed === 0 || count >= limit) return count
  }
}

/** Attempts in one transaction: most are small, and the disk is waited for once for all of them. */
const AT_ONCE = 20

const NEXT = {
  name: 'compaction-next',
  text: `delete from metric_compactions where attempt_key = any(array(
           select attempt_key from metric_compactions order by attempt_key limit $1 for update skip locked))
         returning attempt_key as key, run_key`,
}

const READ = {
  name: 'compaction-read',
  text: 'select batch, points from metric_batches where attempt_key = $1 order by attempt_key, batch',
}

const DELETE = { name: 'compaction-delete', text: 'delete from metric_batches where attempt_key = $1 and batch <= $2' }

const COUNTS = {
  name: 'compaction-counts',
  text: `select name_id, max(first + count)::int as count from metric_chunks where attempt_key = $1 group by name_id`,
}

const INSERT_CHUNKS = {
  name: 'compaction-insert',
  text: `insert into metric_chunks (attempt_key, name_id, first, count, points)
         select $1::int8, name_id, first, count, substring($2::bytea from start for length)
           from unnest($3::int[], $4::int[], $5::int[], $6::int[], $7::int[])
             as list (name_id, first, count, start, length)`,
}

async function compactSome(tx: Queryable, limit: number): Promise<number> {
  const { rows } = await tx.query<{ key: number; run_key: number | null }>(NEXT, [limit])
  // First of all: whoever summarises them at this moment reads their batches too.
  const known = await lockSummaries(
    tx,
    rows.flatMap(({ key, run_key }) => (run_key === null ? [] : [key])),
  )
  // By run, as everybody goes about its summaries: two then wait for one another, not in a circle.
  const sorted = rows.sort((a, b) => (a.run_key ?? 0) - (b.run_key ?? 0) || a.key - b.key)
  for (const { key, run_key } of sorted) await compact(tx, key, run_key, known)
  // Most of these attempts have ended, some before anybody had looked at how they were.
  await queueHealth(
    tx,
    sorted.flatMap(({ run_key }) => (run_key === null ? [] : [run_key])),
  )
  return rows.length
}

async function compact(
  tx: Queryable,
  key: number,
  runKey: number | null,
  known: ReadonlyMap<number, KnownSummary>,
): Promise<void> {
  const [counts, read] = await Promise.all([
    tx.query<{ name_id: number; count: number }>(COUNTS, [key]),
    tx.query<{ batch: number; points: Buffer }>(READ, [key]),
  ])
  const batches = read.rows.map(({ batch, points }) => ({ batch, lines: decodeLines(points) }))
  if (runKey !== null) await summarise(tx, known, [{ attemptKey: key, runKey, batches }])
  const newest = batches.at(-1)
  // What an attempt has reported all at once is small as it is.
  if (newest === undefined || (newest.batch === 0 && counts.rows.length === 0)) return
  const stored = new Map(counts.rows.map((row) => [row.name_id, row.count]))
  const columns = new Map<number, Column>()
  for (const line of batches.flatMap((batch) => batch.lines)) {
    for (const { nameId, value } of line.values) {
      const column = columns.get(nameId) ?? { steps: [], times: [], values: [] }
      columns.set(nameId, column)
      column.steps.push(line.step)
      column.times.push(line.at)
      column.values.push(value)
    }
  }
  const chunks = [...columns].flatMap(([nameId, column]) => chunksOf(nameId, column, stored.get(nameId) ?? 0))
  await Promise.all([insertChunks(tx, key, chunks), tx.query(DELETE, [key, newest.batch])])
}

export async function insertChunks(tx: Queryable, attemptKey: number, chunks: readonly Chunk[]): Promise<void> {
  if (chunks.length === 0) return
  const { bytes, starts, lengths } = joined(chunks.map((chunk) => chunk.points))
  await tx.query(INSERT_CHUNKS, [
    attemptKey,
    bytes,
    chunks.map((chunk) => chunk.nameId),
    chunks.map((chunk) => chunk.first),
    chunks.map((chunk) => chunk.count),
    starts,
    lengths,
  ])
}

/** A row of metric_chunks. */
export interface Chunk {
  readonly nameId: number
  readonly first: number
  readonly count: number
  readonly points: Uint8Array
}

/** @param stored points of this metric that are in chunks already */
export function chunksOf(nameId: number, column: Column, stored: number): Chunk[] {
  const chunks: Chunk[] = []
  for (let at = 0; at < column.values.length; at += CHUNK_POINTS) {
    const part = {
      steps: column.steps.slice(at, at + CHUNK_POINTS),
      times: column.times.slice(at, at + CHUNK_POINTS),
      values: column.values.slice(at, at + CHUNK_POINTS),
    }
    chunks.push({ nameId, first: stored + at, count: part.values.length, points: encodeColumn(part) })
  }
  return chunks
}
