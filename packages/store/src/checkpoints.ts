import type { AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import type { KeepCheckpoint, Kept } from '@sweep/spec/wire/agent-protocol'
import type { Database, Queryable } from './database.ts'
import { plainText } from './json-text.ts'
import { holdObject, objectName } from './objects.ts'
import { Checkpoint } from './trial-record.ts'

const OWNED = {
  name: 'attempt-of-agent',
  text: `select sweep_id, trial, number, run_key from attempts
          where id = $1 and epoch = $2 and agent_id = $3 and (state = 'running' or cause not in ('lost', 'withdrawn'))
            for key share`,
}

export interface OwnedAttempt {
  readonly sweep_id: SweepId
  readonly trial: number
  readonly number: number
  readonly run_key: number
}

/** An attempt that an agent runs or has run to its end; undefined once it was given up, or is somebody else's. */
export async function ownedAttempt(
  tx: Queryable,
  agentId: AgentId,
  { attemptId, epoch }: { readonly attemptId: AttemptId; readonly epoch: number },
): Promise<OwnedAttempt | undefined> {
  const { rows } = await tx.query<OwnedAttempt>(OWNED, [attemptId, epoch, agentId])
  return rows[0]
}

const KEEP = {
  name: 'checkpoint-keep',
  text: `insert into checkpoints (attempt_id, step, sweep_id, trial, path, sha256) values ($1, $2, $3, $4, $5, $6)
         on conflict (attempt_id, step) do update set path = excluded.path, sha256 = excluded.sha256`,
}

/** Notes that the object store has a copy of a checkpoint. */
export async function keepCheckpoint(
  database: Database,
  agentId: AgentId,
  checkpoint: KeepCheckpoint,
): Promise<Kept['result']> {
  const { attemptId, step, path, sha256 } = checkpoint
  return database.tx(async (tx) => {
    const attempt = await ownedAttempt(tx, agentId, checkpoint)
    if (attempt === undefined) return 'fenced'
    const name = objectName(sha256)
    if (!(await holdObject(tx, name))) return 'missing'
    await tx.query(KEEP, [attemptId, step, attempt.sweep_id, attempt.trial, plainText(path), name])
    return 'kept'
  })
}

export interface CheckpointCopy {
  readonly step: number
  readonly sha256: string
  readonly sizeBytes: number
}

const COPY = {
  name: 'checkpoint-copy',
  text: `select c.step, encode(c.sha256, 'hex') as sha256, o.size_bytes as "sizeBytes"
           from checkpoints c join objects o on o.sha256 = c.sha256
           join trials t on t.sweep_id = $1 and t.number = $2
          where c.sweep_id = $1 and (c.trial = t.number or c.trial = t.parent) and c.step <= $3
          order by (c.path = $4) desc, (c.trial = t.number) desc, c.created_at desc limit $5`,
}

/**
 * What there is in the object store of the checkpoint that a trial is to go on from: a copy of it first, then of older
 * ones, which are all there is where the host was lost before it was copied.
 */
async function checkpointCopies(
  database: Queryable,
  sweepId: SweepId,
  trial: number,
  { step, path }: Checkpoint,
  most: number,
): Promise<CheckpointCopy[]> {
  const { rows } = await database.query<CheckpointCopy>(COPY, [sweepId, trial, step, path, most])
  return rows
}

/** The best of these. */
export async function checkpointCopy(
  database: Queryable,
  sweepId: SweepId,
  trial: number,
  checkpoint: Checkpoint,
): Promise<CheckpointCopy | undefined> {
  return (await checkpointCopies(database, sweepId, trial, checkpoint, 1))[0]
}

const RESTORE = {
  name: 'attempt-restore',
  text: 'select sweep_id as "sweepId", trial, restore from attempts where id = $1 and restore is not null',
}

/** The same for an attempt that was claimed with a checkpoint to go on from, the best first; none for any other. */
export async function restoreCopies(
  database: Queryable,
  attemptId: AttemptId,
  most: number,
): Promise<CheckpointCopy[]> {
  const { rows } = await database.query<{ sweepId: SweepId; trial: number; restore: unknown }>(RESTORE, [attemptId])
  const [found] = rows
  if (found === undefined) return []
  return checkpointCopies(database, found.sweepId, found.trial, Checkpoint.parse(found.restore), most)
}

/**
 * Drops the copies that no trial needs any more. What stays, always the newest of its trial: those of trials that are
 * not over, wherever they wait, so that each rung can be resumed from; those of the best trials of each sweep; in a
 * population that still trains, those of every member; and what an attempt is to go on from.
 */
export async function dropCheckpoints(
  database: Queryable,
  options: { readonly bestKept: number; readonly populations: readonly string[] },
): Promise<number> {
  const { rowCount } = await database.query(
    `with newest as (
       select distinct on (sweep_id, trial) attempt_id, step, sweep_id, trial
         from checkpoints order by sweep_id, trial, created_at desc, step desc),
     best as (
       select s.sweep_id, b.number from (select distinct sweep_id from newest) s,
         lateral (select number from trials t where t.sweep_id = s.sweep_id and loss is not null
                   order by loss, number limit $1) b),
     wanted as (
       select n.attempt_id, n.step from newest n
         join trials t on t.sweep_id = n.sweep_id and t.number = n.trial
         join sweeps s on s.id = n.sweep_id
        where t.ended_at is null or (n.sweep_id, n.trial) in (select * from best)
           or (s.ended_at is null and s.method = any($2))
       union all
       select c.attempt_id, c.step from checkpoints c
         join attempts a on a.sweep_id = c.sweep_id and a.state in ('queued', 'running') and a.restore ->> 'path' = c.path)
     delete from checkpoints c
      where not exists (select 1 from wanted w where w.attempt_id = c.attempt_id and w.step = c.step)`,
    [options.bestKept, options.populations],
  )
  return rowCount ?? 0
}

/** Drops copies of sweeps that have ended, the oldest first, until objects of so many bytes are out of use. */
export async function dropEndedCheckpoints(database: Queryable, bytes: number): Promise<number> {
  const { rowCount } = await database.query(
    `with ended as (
       select c.attempt_id, c.step, sum(o.size_bytes) over (order by c.created_at, c.attempt_id, c.step) - o.size_bytes as before
         from checkpoints c join objects o on o.sha256 = c.sha256 join sweeps s on s.id = c.sweep_id
        where s.ended_at is not null)
     delete from checkpoints c using ended e
      where e.attempt_id = c.attempt_id and e.step = c.step and e.before < $1`,
    [bytes],
  )
  return rowCount ?? 0
}
