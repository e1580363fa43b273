import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { TRIAL_STATES, type TrialState } from '@sweep/spec/trial'
import { z } from 'zod'
import type { Queryable } from './database.ts'
import { TRIAL_COLUMNS, TRIAL_JOINS, type TrialRecord, type TrialRow, trialRecord } from './trial-record.ts'

export interface LeaderboardRow extends TrialRecord {
  /** Counts from 1 over the rows of this leaderboard (its states); null for trials without a finite value. */
  readonly rank: number | null
}

export interface LeaderboardPage {
  readonly rows: readonly LeaderboardRow[]
  /** Pass as `after` for the next page; null on the last. */
  readonly next: string | null
}

export interface LeaderboardRequest {
  readonly sweepId: SweepId
  readonly states?: readonly TrialState[]
  /** 50 when absent. */
  readonly limit?: number
  readonly after?: string
}

/** Where a page ended: standing, loss (null in the part without a value), number, and rank of its last row. */
const Cursor = z.tuple([z.int().min(0).max(2), z.number().nullable(), z.int().positive(), z.int().nonnegative()])
type Cursor = z.infer<typeof Cursor>

/** The index (sweep_id, standing, loss, number) gives this order as it stands. */
const ORDER = 'order by t.sweep_id, t.standing, t.loss, t.number limit $3'
const SELECT = `select ${TRIAL_COLUMNS} from trials t ${TRIAL_JOINS} where t.sweep_id = $1 and t.state = any($2)`

const FIRST = { name: 'leaderboard-first', text: `${SELECT} ${ORDER}` }
/** One range of the index: those without a loss differ in their standing already, so no null is compared. */
const AFTER_VALUE = {
  name: 'leaderboard-after-value',
  text: `${SELECT} and (t.standing, t.loss, t.number) > ($4::smallint, $5::float8, $6::int) ${ORDER}`,
}
const AFTER_NULL = {
  name: 'leaderboard-after-null',
  text: `${SELECT} and t.standing = $4 and t.number > $5 ${ORDER}`,
}

/**
 * Trials from best to worst by the first objective; those that break a constraint after the others, those without a
 * finite value last; ties by number. Throws `not-found`, or
 * `invalid-request` for an `after` that is no cursor of ours.
 */
export async function leaderboard(database: Queryable, request: LeaderboardRequest): Promise<LeaderboardPage> {
  const { sweepId, states = TRIAL_STATES, limit = 50 } = request
  const after = request.after === undefined ? undefined : parseCursor(request.after)
  const found = await page(database, [sweepId, states, limit + 1], after)
  if (found.length === 0) await requireSweep(database, sweepId)
  const shown = found.slice(0, limit)
  let rank = after?.[3] ?? 0
  const rows = shown.map((row) => ({ ...trialRecord(row), rank: row.loss === null ? null : ++rank }))
  const last = shown.at(-1)
  const isMore = found.length > limit && last !== undefined
  return { rows, next: isMore ? cursorText([last.standing, last.loss, last.number, rank]) : null }
}

async function page(database: Queryable, values: readonly unknown[], after: Cursor | undefined): Promise<TrialRow[]> {
  if (after === undefined) return (await database.query<TrialRow>(FIRST, values)).rows
  const [standing, loss, number] = after
  if (loss === null) return (await database.query<TrialRow>(AFTER_NULL, [...values, standing, number])).rows
  return (await database.query<TrialRow>(AFTER_VALUE, [...values, standing, loss, number])).rows
}

async function requireSweep(database: Queryable, id: SweepId): Promise<void> {
  const { rows } = await database.query('select 1 from sweeps where id = $1', [id])
  if (rows.length === 0) throw new SweepError('not-found', `There is no sweep ${id}.`)
}

function cursorText(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

function parseCursor(text: string): Cursor {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString()))
  } catch (cause) {
    throw new SweepError('invalid-request', 'The cursor `after` is not one that a leaderboard gave.', {
      hint: 'Pass `next` of the page before, unchanged, or leave it out for the first page.',
      cause,
    })
  }
}
