import { SweepError } from '@sweep/spec/errors'
import type { SweepId } from '@sweep/spec/ids'
import { EventBody, type EventKind, Threshold } from '@sweep/spec/webhooks'
import type { ChangeWebhook } from '@sweep/spec/wire/webhooks'
import { z } from 'zod'
import { BEST_COLUMNS, BEST_CONFIG } from '../best-config.ts'
import type { Database, Queryable } from '../database.ts'
import { jsonText, plainText } from '../json-text.ts'
import { BUDGET_SHARE, BUDGET_USED } from './budget-used.ts'

export interface WebhookRecord {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly secret: string
  readonly format: 'json' | 'slack'
  readonly kinds: readonly EventKind[] | null
  readonly project: string | null
  readonly sweepId: SweepId | null
  readonly thresholds: readonly Threshold[]
  readonly createdBy: string
  readonly createdAt: Date
  readonly tries: number
  readonly lastError: string | null
  readonly lastSentAt: Date | null
  readonly deadLetters: number
}

export type NewWebhook = Pick<
  WebhookRecord,
  'id' | 'name' | 'url' | 'secret' | 'format' | 'kinds' | 'project' | 'sweepId' | 'thresholds' | 'createdBy'
>

interface Row {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly secret: string
  readonly format: 'json' | 'slack'
  readonly kinds: EventKind[] | null
  readonly project: string | null
  readonly sweep_id: SweepId | null
  readonly thresholds: unknown
  readonly created_by: string
  readonly created_at: Date
  readonly tries: number
  readonly last_error: string | null
  readonly last_sent_at: Date | null
  readonly dead_letters: number
}

const SELECT = `select w.*, (select count(*)::int from webhook_dead_letters d where d.webhook_id = w.id) as dead_letters
  from webhooks w`

/** Whoever makes events or changes what is to be made of them waits here for the others. */
export const LOCK_EVENTS = 'select pg_advisory_xact_lock(7366502)'

/** Stores a webhook, which is told of what happens from now on. */
export async function createWebhook(database: Database, webhook: NewWebhook): Promise<void> {
  await database.tx(async (tx) => {
    await tx.query(LOCK_EVENTS)
    const { rowCount } = await tx.query('select from webhooks limit 1')
    // While there was none, nobody has made events: what happened till now is nobody's news.
    if (rowCount === 0) await skipToNow(tx)
    await tx.query(
      `insert into webhooks (id, name, url, secret, format, kinds, project, sweep_id, thresholds, created_by, cursor)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, (select coalesce(max(seq), 0) from events))`,
      [
        webhook.id,
        plainText(webhook.name),
        webhook.url,
        webhook.secret,
        webhook.format,
        webhook.kinds,
        webhook.project === null ? null : plainText(webhook.project),
        webhook.sweepId,
        jsonText(webhook.thresholds),
        webhook.createdBy,
      ],
    )
  })
}

async function skipToNow(tx: Queryable): Promise<void> {
  await tx.query('delete from event_inbox')
  await tx.query('delete from event_cursors')
  await tx.query(
    `insert into event_cursors (sweep_id, fact_seq, best_trial, best_value, started_told, budget_told)
     select s.id, s.fact_seq, ${BEST_COLUMNS}, s.started_at is not null, ${BUDGET_USED} >= $1
       from sweeps s left join ${BEST_CONFIG} m on true`,
    [BUDGET_SHARE],
  )
  await tx.query(`update event_positions set position = (select coalesce(max(change), 0) from run_findings)
                   where name = 'findings'`)
}

export async function listWebhooks(database: Queryable): Promise<WebhookRecord[]> {
  const { rows } = await database.query<Row>(`${SELECT} order by w.id`)
  return rows.map(record)
}

/** Throws `not-found`. */
export async function getWebhook(database: Queryable, id: string): Promise<WebhookRecord> {
  const { rows } = await database.query<Row>(`${SELECT} where w.id = $1`, [id])
  if (rows[0] === undefined) throw noWebhook(id)
  return record(rows[0])
}

/** Throws `not-found`. A new address is tried at once. */
export async function changeWebhook(database: Queryable, id: string, change: ChangeWebhook): Promise<void> {
  const { rowCount } = await database.query(
    `update webhooks set name = coalesce($2, name), url = coalesce($3, url),
            kinds = case when $4 then $5::text[] else kinds end,
            next_try_at = case when $3::text is null then next_try_at else now() end
      where id = $1`,
    [id, change.name && plainText(change.name), change.url, change.kinds !== undefined, change.kinds],
  )
  if (rowCount !== 1) throw noWebhook(id)
}

/** Throws `not-found`. */
export async function deleteWebhook(database: Queryable, id: string): Promise<void> {
  const { rowCount } = await database.query('delete from webhooks where id = $1', [id])
  if (rowCount !== 1) throw noWebhook(id)
}

export interface DueEvent {
  readonly seq: number
  readonly body: EventBody
  /** That have failed so far. */
  readonly tries: number
}

const NEXT = `with w as (select * from webhooks where id = $1 and next_try_at <= clock_timestamp())
  select e.seq, e.body, w.tries from w join events e on e.seq > w.cursor
   where (e.webhook_id is null or e.webhook_id = w.id) and (w.kinds is null or e.kind = any(w.kinds))
     and (w.project is null or e.project = w.project) and (w.sweep_id is null or e.sweep_id = w.sweep_id)
   order by e.seq limit 1`
/** Past what is not for it; only up to what it could see, as the next may be for it. */
const SKIP = `update webhooks w set cursor = greatest(w.cursor, $2) where w.id = $1 and w.next_try_at <= clock_timestamp()
  and not exists (select from events e where e.seq > w.cursor and e.seq <= $2
     and (e.webhook_id is null or e.webhook_id = w.id) and (w.kinds is null or e.kind = any(w.kinds))
     and (w.project is null or e.project = w.project) and (w.sweep_id is null or e.sweep_id = w.sweep_id))`

/** The next event for a webhook, if there is one and it may be tried now. */
export async function nextEvent(database: Queryable, id: string): Promise<DueEvent | undefined> {
  const newest = await database.query<{ seq: number }>('select coalesce(max(seq), 0) as seq from events')
  const { rows } = await database.query<{ seq: number; body: unknown; tries: number }>(NEXT, [id])
  const [row] = rows
  if (row !== undefined) return { ...row, body: EventBody.parse(row.body) }
  await database.query(SKIP, [id, newest.rows[0]?.seq ?? 0])
  return undefined
}

export async function eventSent(database: Queryable, id: string, seq: number): Promise<void> {
  await database.query(
    `update webhooks set cursor = greatest(cursor, $2), tries = 0, last_error = null, last_sent_at = now(),
            next_try_at = now() where id = $1`,
    [id, seq],
  )
}

/** The event is tried again in `waitMs`; or set aside, and the next one is tried, where `waitMs` is null. */
export async function eventFailed(
  database: Database,
  id: string,
  event: Pick<DueEvent, 'seq' | 'body'>,
  failure: { readonly error: string; readonly tries: number; readonly waitMs: number | null },
): Promise<void> {
  const { error, tries, waitMs } = failure
  if (waitMs !== null) {
    await database.query(
      `update webhooks set tries = $2, last_error = $3, next_try_at = clock_timestamp() + $4 * interval '1 ms' where id = $1`,
      [id, tries, plainText(error), waitMs],
    )
    return
  }
  await database.tx(async (tx) => {
    await tx.query(
      `insert into webhook_dead_letters (webhook_id, seq, kind, body, error, tries)
       select $1, $2, $3, $4, $5, $6 where exists (select from webhooks where id = $1) on conflict do nothing`,
      [id, event.seq, event.body.kind, jsonText(event.body), plainText(error), tries],
    )
    await tx.query(
      `update webhooks set cursor = greatest(cursor, $2), tries = 0, last_error = $3, next_try_at = now() where id = $1`,
      [id, event.seq, plainText(error)],
    )
  })
}

export interface DeadLetterRecord extends DueEvent {
  readonly error: string
  readonly failedAt: Date
}

/** Oldest first, at most `limit`; of one number only, where `seq` is given. */
export async function deadLetters(
  database: Queryable,
  id: string,
  { limit, seq }: { readonly limit: number; readonly seq?: number },
): Promise<DeadLetterRecord[]> {
  const { rows } = await database.query<{ seq: number; body: unknown; error: string; tries: number; failed_at: Date }>(
    `select seq, body, error, tries, failed_at from webhook_dead_letters
      where webhook_id = $1 and ($2::int8 is null or seq = $2) order by seq limit $3`,
    [id, seq, limit],
  )
  return rows.map(({ failed_at: failedAt, body, ...row }) => ({ ...row, body: EventBody.parse(body), failedAt }))
}

export async function dropDeadLetter(database: Queryable, id: string, seq: number): Promise<void> {
  await database.query('delete from webhook_dead_letters where webhook_id = $1 and seq = $2', [id, seq])
}

function noWebhook(id: string): SweepError {
  return new SweepError('not-found', `there is no webhook ${id}`, { hint: '`sweep webhook ls` lists them.' })
}

const Thresholds = z.array(Threshold)

function record(row: Row): WebhookRecord {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    secret: row.secret,
    format: row.format,
    kinds: row.kinds,
    project: row.project,
    sweepId: row.sweep_id,
    thresholds: Thresholds.parse(row.thresholds),
    createdBy: row.created_by,
    createdAt: row.created_at,
    tries: row.tries,
    lastError: row.last_error,
    lastSentAt: row.last_sent_at,
    deadLetters: row.dead_letters,
  }
}
