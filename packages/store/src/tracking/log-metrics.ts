import type { RunId } from '@sweep/spec/ids'
import { keyInContext } from '@sweep/spec/tracking/metric-context'
import type { MetricsBatch, RunPoint } from '@sweep/spec/wire/tracking/metrics'
import type { z } from 'zod'
import { NAMES_PER_ATTEMPT } from '../attempt-ingest.ts'
import type { Database, Queryable } from '../database.ts'
import { plainText } from '../json-text.ts'
import { knownNames, nameIds, rememberNames } from '../metric-names.ts'
import { insertBatches, type MetricBatch, queueCompactions } from '../metrics.ts'
import { encodeLines, type Line } from '../points-codec.ts'
import { type LoggedRequest, noteRequests } from './logged-requests.ts'
import { mergeSummaries, Summaries } from './metric-summary.ts'

const BATCHES_UNTIL_COMPACTED = 256

export interface RunBatch extends z.output<typeof MetricsBatch> {
  readonly runId: RunId
  /** Milliseconds since 1970, for points that name no time. */
  readonly now: number
  /** Of what was logged, by a writer that does not number its batches; see logged-requests.ts. */
  readonly fingerprint?: Buffer
}

export type BatchResult =
  /** `dropped`: values that were not stored because the run has too many names of metrics. */
  | { readonly result: 'taken'; readonly seq: number | null; readonly dropped: number }
  /** It was stored before. */
  | { readonly result: 'repeated'; readonly seq: number | null }
  /** Nothing is stored: batches after `seq` are missing. */
  | { readonly result: 'gap'; readonly seq: number }
  | { readonly result: 'deleted' | 'not-found' }

/**
 * Stores what was logged to runs themselves, all in one transaction with the numbers of their writers, so that a batch
 * may be sent again after any fault. Batches of one writer are taken in the order given.
 * @returns one result per batch
 */
export async function logMetrics(database: Database, batches: readonly RunBatch[]): Promise<BatchResult[]> {
  if (batches.length === 0) return []
  const { results, names } = await database.tx((tx) => store(database, tx, batches))
  rememberNames(database, names)
  return results
}

const RUNS = {
  name: 'log-metrics-runs',
  text: 'select id, key, deleted_at is not null as is_deleted from runs where id = any($1)',
}
const STREAMS_ADD = {
  name: 'log-metrics-streams-add',
  // By the key, as they are locked: two that add the same ones then wait for one another, not in a circle. The keys are
  // found first: ordered by key and asked for by id, Postgres would read every run there is.
  text: `insert into run_streams (run_key, attempt_key)
         select key, nextval(pg_get_serial_sequence('attempts', 'key'))
           from (select r.key from runs r
                  where r.key = any(array(select key from runs where id = any($1) and deleted_at is null))
                    and not exists (select from run_streams s where s.run_key = r.key) order by r.key) missing
         on conflict do nothing`,
}
const STREAMS = {
  name: 'log-metrics-streams',
  text: `select s.* from run_streams s
          where s.run_key = any(array(select key from runs where id = any($1))) order by s.run_key for no key update`,
}
const WRITERS = {
  name: 'log-metrics-writers',
  text: `select w.run_key, w.writer, w.seq
           from unnest($1::text[], $2::text[]) as list (id, writer)
           join runs r on r.id = list.id join run_writers w on w.run_key = r.key and w.writer = list.writer`,
}

interface StreamRow {
  readonly run_key: number
  readonly attempt_key: number
  readonly batches: number
  readonly points: number
  readonly last_step: number | null
  readonly name_ids: number[]
  readonly dropped_points: number
}

async function store(
  database: Database,
  tx: Queryable,
  batches: readonly RunBatch[],
): Promise<{ results: BatchResult[]; names: ReadonlyMap<string, number> }> {
  const ids = [...new Set(batches.map((batch) => batch.runId))]
  const written = batches.flatMap(({ runId, writer }) => (writer === undefined ? [] : [{ runId, writer: writer.id }]))
  const [runs, , streams, writers] = await Promise.all([
    tx.query<{ id: RunId; key: number; is_deleted: boolean }>(RUNS, [ids]),
    tx.query(STREAMS_ADD, [ids]),
    tx.query<StreamRow>(STREAMS, [ids]),
    // After the streams are locked, so nobody else raises these numbers any more.
    tx.query<{ run_key: number; writer: string; seq: number }>(WRITERS, [
      written.map(({ runId }) => runId),
      written.map(({ writer }) => writer),
    ]),
  ])
  const keys = new Keys(batches)
  const added = await keys.resolve(tx, knownNames(database))
  const open = new Map(streams.rows.map((row) => [row.run_key, new OpenStream(row)]))
  for (const { run_key, writer, seq } of writers.rows) open.get(run_key)?.seqs.set(writer, seq)
  const byId = new Map(runs.rows.map((row) => [row.id, row]))
  const requestOf = ({ runId, fingerprint }: RunBatch): LoggedRequest[] => {
    const run = byId.get(runId)
    return fingerprint === undefined || run === undefined || run.is_deleted ? [] : [{ runKey: run.key, fingerprint }]
  }
  const fresh = await noteRequests(tx, batches.flatMap(requestOf))
  const results = batches.map((batch): BatchResult => {
    const run = byId.get(batch.runId)
    const stream = run && open.get(run.key)
    if (run === undefined) return { result: 'not-found' }
    if (run.is_deleted || stream === undefined) return { result: 'deleted' }
    const [request] = requestOf(batch)
    if (request !== undefined && !fresh.take(request)) return { result: 'repeated', seq: null }
    return stream.take(batch, keys)
  })
  await write(tx, [...open.values()])
  return { results, names: added }
}

/** Ids of the keys of some batches, by context and name: a name comes with every point, and is looked up only once. */
class Keys {
  readonly #ids = new Map<RunPoint['context'], Map<string, number | undefined>>()

  constructor(batches: readonly RunBatch[]) {
    for (const { points } of batches) {
      for (const { context, values } of points) {
        const names = this.#ids.get(context) ?? new Map<string, number | undefined>()
        this.#ids.set(context, names)
        for (const name of Object.keys(values)) if (!names.has(name)) names.set(name, undefined)
      }
    }
  }

  /** @returns the ids that the process has not met before */
  async resolve(tx: Queryable, known: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, number>> {
    const all = [...this.#ids].flatMap(([context, names]) =>
      [...names.keys()].map((name) => ({ names, name, key: plainText(keyInContext(context, name)) })),
    )
    const unknown = new Set(all.flatMap(({ key }) => (known.has(key) ? [] : [key])))
    const added = await nameIds(tx, [...unknown])
    for (const { names, name, key } of all) names.set(name, known.get(key) ?? added.get(key))
    return added
  }

  get(context: RunPoint['context'], name: string): number | undefined {
    return this.#ids.get(context)?.get(name)
  }
}

/** A run's stream that is locked, and what is being added to it. */
class OpenStream {
  /** Of the writers that this transaction is about. */
  readonly seqs = new Map<string, number>()
  readonly raised = new Map<string, number>()
  readonly row: StreamRow
  readonly lines: Line[] = []
  readonly summaries = new Summaries()
  readonly names: Set<number>
  points: number
  dropped: number
  lastStep: number | null

  constructor(row: StreamRow) {
    this.row = row
    this.names = new Set(row.name_ids)
    this.points = row.points
    this.dropped = row.dropped_points
    this.lastStep = row.last_step
  }

  take({ writer, points, now }: RunBatch, keys: Keys): BatchResult {
    if (writer !== undefined) {
      const seq = this.seqs.get(writer.id) ?? 0
      if (writer.seq <= seq) return { result: 'repeated', seq }
      if (writer.seq > seq + 1) return { result: 'gap', seq }
      this.seqs.set(writer.id, writer.seq)
      this.raised.set(writer.id, writer.seq)
    }
    const before = this.dropped
    for (const point of points) this.#takePoint(point, now, keys)
    return { result: 'taken', seq: writer?.seq ?? null, dropped: this.dropped - before }
  }

  #takePoint(point: RunPoint, now: number, keys: Keys): void {
    const step = point.step ?? (this.lastStep ?? 0) + 1
    this.lastStep = Math.max(step, this.lastStep ?? step)
    const values: { nameId: number; value: number }[] = []
    for (const [name, value] of Object.entries(point.values)) {
      const id = this.#known(keys.get(point.context, name))
      if (id !== undefined) values.push({ nameId: id, value })
    }
    if (values.length === 0) return
    this.lines.push({ step, at: Math.round(point.at ?? now), values })
    this.points += values.length
  }

  #known(id: number | undefined): number | undefined {
    if (id !== undefined && this.names.has(id)) return id
    if (id === undefined || this.names.size >= NAMES_PER_ATTEMPT) {
      this.dropped += 1
      return undefined
    }
    this.names.add(id)
    return id
  }
}

const STREAMS_STORE = {
  name: 'log-metrics-streams-store',
  text: `update run_streams s set batches = x.batches, points = x.points, last_step = x.last_step,
                name_ids = coalesce(x.name_ids, s.name_ids), dropped_points = x.dropped_points
           from jsonb_to_recordset($1::jsonb) as x (run_key int8, batches int, points int8, last_step int8, name_ids int[],
             dropped_points int8)
          where s.run_key = x.run_key`,
}
const WRITERS_STORE = {
  name: 'log-metrics-writers-store',
  text: `insert into run_writers (run_key, writer, seq) select * from unnest($1::int8[], $2::text[], $3::int8[])
         on conflict (run_key, writer) do update set seq = excluded.seq`,
}

/** Everything in one go; the statements are pipelined. */
async function write(tx: Queryable, streams: readonly OpenStream[]): Promise<void> {
  const grown = streams.filter(({ lines, dropped, row }) => lines.length > 0 || dropped > row.dropped_points)
  const raised = streams.flatMap(({ row, raised }) =>
    [...raised].map(([writer, seq]) => ({ runKey: row.run_key, writer, seq })),
  )
  const points = grown.flatMap(({ lines, row }): MetricBatch[] =>
    lines.length === 0 ? [] : [{ attemptKey: row.attempt_key, batch: row.batches, points: encodeLines(lines) }],
  )
  for (const stream of grown) stream.summaries.addLines(stream.lines)
  const due = grown.filter(({ lines, row }) => lines.length > 0 && (row.batches + 1) % BATCHES_UNTIL_COMPACTED === 0)
  await Promise.all([
    grown.length > 0 && tx.query(STREAMS_STORE, [JSON.stringify(grown.map(streamRow))]),
    insertBatches(tx, points),
    mergeSummaries(
      tx,
      grown.map(({ row, summaries }) => ({ runKey: row.run_key, attemptKey: row.attempt_key, summaries })),
    ),
    queueCompactions(
      tx,
      due.map(({ row }) => ({ attemptKey: row.attempt_key, runKey: null })),
    ),
    raised.length > 0 &&
      tx.query(WRITERS_STORE, [
        raised.map(({ runKey }) => runKey),
        raised.map(({ writer }) => writer),
        raised.map(({ seq }) => seq),
      ]),
  ])
}

function streamRow({ row, lines, points, lastStep, names, dropped }: OpenStream): unknown {
  return {
    run_key: row.run_key,
    batches: row.batches + (lines.length > 0 ? 1 : 0),
    points,
    last_step: lastStep,
    name_ids: names.size > row.name_ids.length ? [...names] : undefined,
    dropped_points: dropped,
  }
}
