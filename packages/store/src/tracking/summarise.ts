import type { AttemptId } from '@sweep/spec/ids'
import type { Database, Queryable } from '../database.ts'
import { decodeColumn, decodeLines, type Line } from '../points-codec.ts'
import { mergeSummaries, Summaries } from './metric-summary.ts'

/**
 * What agents report goes into the summaries of runs afterwards, so that no report's transaction waits for them: when
 * the attempt's points are packed, and every few seconds while it runs. metric_summaries says how far they are.
 */
export interface KnownSummary {
  /** Number of the first batch that the summaries don't have yet. */
  readonly batches: number
  /** Points that are packed may not be in the summaries: a release that knew none has packed them. */
  readonly isNew: boolean
}

const ADD = {
  name: 'summaries-add',
  text: `insert into metric_summaries (attempt_key, batches) select unnest($1::int8[]), 0 on conflict do nothing
         returning attempt_key`,
}
const LOCK = {
  name: 'summaries-lock',
  text: 'select attempt_key, batches from metric_summaries where attempt_key = any($1) order by attempt_key for update',
}

/** How far the summaries are with some attempts; nobody else goes on with them until the transaction ends. */
export async function lockSummaries(
  tx: Queryable,
  attemptKeys: readonly number[],
): Promise<ReadonlyMap<number, KnownSummary>> {
  if (attemptKeys.length === 0) return new Map()
  // In one order for everybody: two that add the same rows then wait for one another, not in a circle.
  const sorted = [...attemptKeys].sort((a, b) => a - b)
  const [added, locked] = await Promise.all([
    tx.query<{ attempt_key: number }>(ADD, [sorted]),
    tx.query<{ attempt_key: number; batches: number }>(LOCK, [sorted]),
  ])
  const fresh = new Set(added.rows.map((row) => row.attempt_key))
  return new Map(
    locked.rows.map(({ attempt_key, batches }) => [attempt_key, { batches, isNew: fresh.has(attempt_key) }]),
  )
}

export interface AttemptBatches {
  readonly attemptKey: number
  readonly runKey: number
  /** By number, ascending; what the summaries have already is left out here. */
  readonly batches: readonly { readonly batch: number; readonly lines: readonly Line[] }[]
}

const CHUNKS = {
  name: 'summaries-chunks',
  text: `select attempt_key, name_id, points from metric_chunks where attempt_key = any($1)
          order by attempt_key, name_id, first`,
}
const DONE = {
  name: 'summaries-done',
  text: `update metric_summaries s set batches = x.batches from unnest($1::int8[], $2::int[]) as x (attempt_key, batches)
          where s.attempt_key = x.attempt_key`,
}

/** Adds what is new of these batches to the summaries, which must be locked. */
export async function summarise(
  tx: Queryable,
  known: ReadonlyMap<number, KnownSummary>,
  attempts: readonly AttemptBatches[],
): Promise<void> {
  const parts = attempts.map(({ attemptKey, runKey }) => ({ attemptKey, runKey, summaries: new Summaries() }))
  const unseen = parts.filter(({ attemptKey }) => known.get(attemptKey)?.isNew === true)
  if (unseen.length > 0) {
    const { rows } = await tx.query<{ attempt_key: number; name_id: number; points: Buffer }>(CHUNKS, [
      unseen.map(({ attemptKey }) => attemptKey),
    ])
    const byKey = new Map(unseen.map(({ attemptKey, summaries }) => [attemptKey, summaries]))
    for (const { attempt_key, name_id, points } of rows) {
      byKey.get(attempt_key)?.addColumn(name_id, decodeColumn(points))
    }
  }
  const done: { key: number; batches: number }[] = []
  attempts.forEach(({ attemptKey, batches }, index) => {
    const from = known.get(attemptKey)?.batches ?? 0
    const fresh = batches.filter(({ batch }) => batch >= from)
    for (const { lines } of fresh) parts[index]?.summaries.addLines(lines)
    const newest = fresh.at(-1)
    if (newest !== undefined) done.push({ key: attemptKey, batches: newest.batch + 1 })
  })
  await Promise.all([
    mergeSummaries(tx, parts),
    done.length > 0 && tx.query(DONE, [done.map(({ key }) => key), done.map(({ batches }) => batches)]),
  ])
}

const BEHIND = {
  name: 'summaries-behind',
  text: `select a.key, a.run_key from attempts a left join metric_summaries s on s.attempt_key = a.key
          where a.state = 'running' and a.batches > coalesce(s.batches, 0) limit $1`,
}
const NEW_BATCHES = {
  name: 'summaries-new-batches',
  text: `select b.attempt_key, b.batch, b.points
           from unnest($1::int8[], $2::int[]) as x (attempt_key, batches)
           join metric_batches b on b.attempt_key = x.attempt_key and b.batch >= x.batches`,
}
/** Attempts in one transaction: a few milliseconds of statements. */
const AT_ONCE = 50

/**
 * Brings the summaries of running trials up to what has been reported. Call every few seconds; several processes may.
 * @returns how many attempts had news, at most `limit`
 */
export async function summariseRunning(database: Database, limit = 1000): Promise<number> {
  const { rows } = await database.query<BehindRow>(BEHIND, [limit])
  for (let at = 0; at < rows.length; at += AT_ONCE) await catchUp(database, rows.slice(at, at + AT_ONCE))
  return rows.length
}

/** Of one attempt now, for those who want to find what they have just reported. */
export async function summariseAttempt(database: Database, id: AttemptId): Promise<void> {
  const { rows } = await database.query<BehindRow>(
    {
      name: 'summaries-behind-one',
      text: `select a.key, a.run_key from attempts a left join metric_summaries s on s.attempt_key = a.key
              where a.id = $1 and a.state = 'running' and a.batches > coalesce(s.batches, 0)`,
    },
    [id],
  )
  if (rows.length > 0) await catchUp(database, rows)
}

interface BehindRow {
  readonly key: number
  readonly run_key: number
}

async function catchUp(database: Database, some: readonly BehindRow[]): Promise<void> {
  await database.tx(async (tx) => {
    const known = await lockSummaries(
      tx,
      some.map(({ key }) => key),
    )
    const found = await tx.query<{ attempt_key: number; batch: number; points: Buffer }>(NEW_BATCHES, [
      [...known.keys()],
      [...known.values()].map(({ batches }) => batches),
    ])
    const attempts = some.map(({ key: attemptKey, run_key: runKey }) => ({
      attemptKey,
      runKey,
      batches: found.rows
        .filter((row) => row.attempt_key === attemptKey)
        .sort((a, b) => a.batch - b.batch)
        .map(({ batch, points }) => ({ batch, lines: decodeLines(points) })),
    }))
    await summarise(tx, known, attempts)
  })
}
