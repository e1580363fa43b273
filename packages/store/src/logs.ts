import type { AttemptState } from '@sweep/spec/attempt'
import type { SweepId } from '@sweep/spec/ids'
import { resolveAttempt } from './attempt-record.ts'
import type { Queryable } from './database.ts'
import { jsonText } from './json-text.ts'

/** Output from byte `start` up to byte `stop`. */
export interface LogPiece {
  readonly attemptKey: number
  readonly start: number
  readonly stop: number
  readonly text: string
}

const FIRST_KEPT = 256 * 1024
const LAST_KEPT = 1024 * 1024

const INSERT = {
  name: 'logs-insert',
  text: `insert into log_chunks (attempt_key, start, stop, text)
         select key, start, stop, text from jsonb_to_recordset($1::jsonb) as x (key int8, start int8, stop int8, text text)`,
}

const TRIM = {
  name: 'logs-trim',
  text: `delete from log_chunks l using unnest($1::int8[], $2::int8[]) as x (key, before)
          where l.attempt_key = x.key and l.start >= $3 and l.stop <= x.before`,
}

/** Appends output; of a long one its beginning and its end stay. */
export async function storeLogs(tx: Queryable, pieces: readonly LogPiece[]): Promise<void> {
  if (pieces.length === 0) return
  const rows = pieces.map(({ attemptKey: key, start, stop, text }) => ({ key, start, stop, text }))
  const long = pieces.filter((piece) => piece.stop > FIRST_KEPT + LAST_KEPT)
  const keys = long.map((piece) => piece.attemptKey)
  const before = long.map((piece) => piece.stop - LAST_KEPT)
  await Promise.all([tx.query(INSERT, [jsonText(rows)]), long.length > 0 && tx.query(TRIM, [keys, before, FIRST_KEPT])])
}

export interface LogPage {
  readonly chunks: readonly { readonly start: number; readonly stop: number; readonly text: string }[]
  /** Bytes of output so far; kept are about the first 256 KiB and the last 1 MiB. */
  readonly end: number
  /** True while more may come. */
  readonly open: boolean
}

const READ = {
  name: 'logs-read',
  text: `select a.state, a.log_offset, coalesce(l.chunks, '[]') as chunks
           from attempts a left join lateral (
             select jsonb_agg(jsonb_build_object('start', start, 'stop', stop, 'text', text) order by start) as chunks
               from (select *, sum(stop - start) over (order by start) - (stop - start) as before
                       from log_chunks where attempt_key = a.key and stop > $2) c
              where before < $3) l on true
          where a.id = $1`,
}

interface LogRow {
  readonly state: AttemptState
  readonly log_offset: number
  readonly chunks: { start: number; stop: number; text: string }[]
}

/**
 * Output of a trial's attempt (the newest unless named): whole pieces from the one that holds byte `from` on, until
 * `maxBytes` (1 MiB when absent) are reached.
 */
export async function readLog(
  database: Queryable,
  request: {
    readonly sweepId: SweepId
    readonly trial: number
    readonly attempt?: number
    readonly from?: number
    readonly maxBytes?: number
  },
): Promise<LogPage | undefined> {
  const { sweepId, trial, attempt, from = 0, maxBytes = 1024 * 1024 } = request
  const id = await resolveAttempt(database, sweepId, trial, attempt)
  if (id === undefined) return undefined
  const { rows } = await database.query<LogRow>(READ, [id, from, maxBytes])
  const row = rows[0]
  return row && { chunks: row.chunks, end: row.log_offset, open: row.state !== 'ended' }
}
