import type { RunId } from '@sweep/spec/ids'
import type { RunStatus } from '@sweep/spec/tracking/run-status'
import type { Database, Queryable } from '../database.ts'
import { writeDetails } from './run-details.ts'
import { forgetLoss } from './run-loss.ts'
import { lockRun, ofTrial, queuePacking } from './runs.ts'

const BEAT = {
  name: 'run-heartbeat',
  text: `with living as (select key from runs where id = $1 and status = 'running' and deleted_at is null)
         insert into run_heartbeats as h (run_key, is_beating) select key, true from living
         on conflict (run_key) do update set seen_at = now(), is_beating = true where h.lost_at is null`,
}

/**
 * The program of a run says that it lives; a run that was given up is running again.
 * @returns the status it has now
 * @throws SweepError `not-found`; `conflict` when it is deleted, and for the run of a trial, which its agent speaks for
 */
export async function noteHeartbeat(database: Database, id: RunId): Promise<RunStatus> {
  const { rowCount } = await database.query(BEAT, [id])
  return rowCount === 1 ? 'running' : goOn(database, id)
}

async function goOn(database: Database, id: RunId): Promise<RunStatus> {
  return database.tx(async (tx) => {
    const run = await lockRun(tx, id)
    if (run.is_trial) throw ofTrial(id, 'its agent says that it lives')
    if (!run.is_lost) return run.status
    await tx.query(`update runs set status = 'running', ended_at = null where key = $1`, [run.key])
    await tx.query('update run_details set message = null where run_key = $1', [run.key])
    await forgetLoss(tx, run.key)
    return 'running'
  })
}

interface SilentRow {
  readonly key: number
  readonly id: RunId
  readonly seen_at: Date
}

const MOST_AT_ONCE = 500

const SILENT = `
  select r.key, r.id, h.seen_at from runs r join run_heartbeats h on h.run_key = r.key
   where r.status = 'running' and r.deleted_at is null and h.is_beating and h.seen_at < now() - $1 * interval '1 ms'
   order by r.key limit ${MOST_AT_ONCE} for no key update of r, h skip locked`

// The time of a point is its program's word: any number there is.
const LAST_POINT = `(select to_timestamp(greatest(0, least(max(m.last_at), 1000 * extract(epoch from now())::float8)) / 1000)
                       from run_metrics m where m.run_key = r.key)`
const LAST_FILE = '(select max(a.created_at) from artifacts a where a.run_key = r.key)'

const IDLE = `
  select key, id, seen_at from (
    select r.key, r.id, greatest(r.started_at, h.seen_at, ${LAST_POINT}, ${LAST_FILE}) as seen_at
      from runs r left join run_heartbeats h on h.run_key = r.key
     where r.status = 'running' and r.deleted_at is null and not coalesce(h.is_beating, false)
       and r.started_at < now() - $1 * interval '1 ms'
     order by r.key limit ${MOST_AT_ONCE} for no key update of r skip locked) running
   where seen_at < now() - $1 * interval '1 ms'`

/**
 * Gives up the running runs outside of sweeps whose programs used to send heartbeats and have sent none for `silentMs`:
 * each has failed when it was last heard of.
 */
export function giveUpSilentRuns(database: Database, silentMs: number): Promise<RunId[]> {
  return giveUp(database, SILENT, silentMs, (at) => `lost: nothing was heard of its program since ${at}`)
}

/** The same for those whose programs send no heartbeats, once they have logged nothing for `idleMs`. */
export function giveUpIdleRuns(database: Database, idleMs: number): Promise<RunId[]> {
  const say = (at: string) => `lost: nothing was logged to it since ${at}, and its program sends no heartbeats`
  return giveUp(database, IDLE, idleMs, say)
}

function giveUp(database: Database, select: string, ms: number, say: (at: string) => string): Promise<RunId[]> {
  return database.tx(async (tx) => {
    const { rows } = await tx.query<SilentRow>(select, [ms])
    for (const row of rows) await giveUpOne(tx, row, say(row.seen_at.toISOString()))
    return rows.map(({ id }) => id)
  })
}

async function giveUpOne(tx: Queryable, { key, seen_at }: SilentRow, message: string): Promise<void> {
  await tx.query(`update runs set status = 'failed', ended_at = greatest($2, started_at) where key = $1`, [
    key,
    seen_at,
  ])
  await tx.query(
    `insert into run_heartbeats as h (run_key, is_beating, seen_at, lost_at) values ($1, false, $2, now())
     on conflict (run_key) do update set lost_at = now()`,
    [key, seen_at],
  )
  await writeDetails(tx, key, { message })
  await queuePacking(tx, key)
}

const RETURNED = `
  select r.id from run_heartbeats h join runs r on r.key = h.run_key
   where h.lost_at is not null and not h.is_beating and r.status = 'failed' and r.deleted_at is null
     and exists (select from run_metrics m
                  where m.run_key = h.run_key and m.last_at > 1000 * extract(epoch from h.lost_at)::float8)
   limit ${MOST_AT_ONCE}`

/** Runs that were given up as idle and have logged something since are running again. */
export async function takeBackIdleRuns(database: Database): Promise<RunId[]> {
  const { rows } = await database.query<{ id: RunId }>(RETURNED)
  for (const { id } of rows) await goOn(database, id)
  return rows.map(({ id }) => id)
}
