import { assertNever } from '@sweep/spec/assert-never'
import type { Budget } from '@sweep/spec/document/sweep-document'
import type { SweepId } from '@sweep/spec/ids'
import type { Json } from '@sweep/spec/number'
import {
  isSweepOver,
  nextSweepState,
  type SweepEvent,
  type SweepState,
  sweepStatesAllowing,
} from '@sweep/spec/sweep-state'
import type { ChangeSweep } from '@sweep/spec/wire/api'
import type { Database, Queryable } from './database.ts'
import { plainText } from './json-text.ts'
import { endPaused, type PausedTrial } from './paused-trials.ts'
import { checkOwner, SweepChange } from './sweep-change.ts'
import { budgetOf } from './sweep-record.ts'

/** `refused`: the sweep's state does not allow it; `state` is the state after the call. */
export type ControlResult =
  | { readonly result: 'done' | 'refused'; readonly state: SweepState }
  | { readonly result: 'not-found' }

/** Pause, resume, stop or cancel, with its `control` fact. Asking for what already holds is `done` and stores nothing. */
export async function controlSweep(
  database: Database,
  id: SweepId,
  event: Exclude<SweepEvent, 'end'>,
  by: string,
): Promise<ControlResult> {
  return database.tx(async (tx) => {
    const change = await SweepChange.begin(tx, id)
    if (change === undefined) return { result: 'not-found' }
    const { state } = change.sweep
    const next = nextSweepState(state, event)
    if (next === undefined) return { result: holds(state, event) ? 'done' : 'refused', state }
    await setState(tx, id, event, next, `${event} asked by ${by}`)
    change.fact({ kind: 'control', action: event, by })
    await change.store(tx)
    return { result: 'done', state: next }
  })
}

/** Who stops a sweep where its file says so; in the fact. */
const BY_POLICY = 'the sweep itself'

/** Stops a running sweep as its owner, with the fact that a user's stop leaves; `refused` where it is not running. */
export async function stopSweep(
  database: Database,
  id: SweepId,
  ownerEpoch: number,
  reason: string,
): Promise<{ readonly result: 'stopping' | 'refused' | 'not-owner' }> {
  return database.tx(async (tx) => {
    const change = await SweepChange.begin(tx, id)
    if (change === undefined || change.sweep.owner_epoch !== ownerEpoch) return { result: 'not-owner' }
    if (change.sweep.state !== 'running') return { result: 'refused' }
    await setState(tx, id, 'stop', 'stopping', reason)
    change.fact({ kind: 'control', action: 'stop', by: BY_POLICY })
    await change.store(tx)
    return { result: 'stopping' }
  })
}

function holds(state: SweepState, event: Exclude<SweepEvent, 'end'>): boolean {
  switch (event) {
    case 'pause':
      return state === 'paused'
    case 'resume':
      return state === 'running'
    case 'stop':
      return state === 'stopping' || state === 'stopped'
    case 'cancel':
      return state === 'cancelling' || state === 'cancelled'
    default:
      return assertNever(event)
  }
}

const SET_STATE = {
  name: 'sweep-set-state',
  text: `update sweeps set state = $2, state_reason = $3, waiting_reason = null,
                ended_at = case when $2 in ('completed', 'stopped', 'cancelled') then now() end
          where id = $1 and state = any($4)`,
}

async function setState(
  tx: Queryable,
  id: SweepId,
  event: SweepEvent,
  next: SweepState,
  reason: string | null,
): Promise<void> {
  const allowed = sweepStatesAllowing(event)
  const { rowCount } = await tx.query(SET_STATE, [id, next, reason === null ? null : plainText(reason), allowed])
  if (rowCount !== 1) throw new Error(`sweep ${id} changed under its lock`)
}

/** Changes limits of a sweep that is not over, with a `control` fact of action `change`. */
export async function changeSweep(
  database: Database,
  id: SweepId,
  changes: ChangeSweep,
  by: string,
): Promise<ControlResult> {
  return database.tx(async (tx) => {
    const change = await SweepChange.begin(tx, id)
    if (change === undefined) return { result: 'not-found' }
    const { sweep } = change
    if (isSweepOver(sweep.state)) return { result: 'refused', state: sweep.state }
    const { parallelism, priority, budget = {} } = changes
    await tx.query(
      `update sweeps set parallelism = $2, priority = $3, budget_trials = $4, budget_wall_ms = $5,
              budget_gpu_seconds = $6, waiting_reason = null where id = $1`,
      [
        id,
        changed(parallelism, sweep.parallelism),
        changed(priority, sweep.priority),
        changed(budget.trials, sweep.budget_trials),
        changed(budget.wallMs, sweep.budget_wall_ms),
        changed(budget.gpuSeconds, sweep.budget_gpu_seconds),
      ],
    )
    change.fact({ kind: 'control', action: 'change', by, changes: asJson(changes) })
    await change.store(tx)
    return { result: 'done', state: sweep.state }
  })
}

/** Absent keeps what is stored, null lifts the limit. */
function changed<T>(wanted: T | null | undefined, stored: T | null): T | null {
  return wanted === undefined ? stored : wanted
}

function asJson({ parallelism, priority, budget }: ChangeSweep): Record<string, Json> {
  return {
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(priority === undefined ? {} : { priority }),
    ...(budget === undefined ? {} : { budget: present(budget) }),
  }
}

function present(budget: NonNullable<ChangeSweep['budget']>): Json {
  const { trials, wallMs, gpuSeconds } = budget
  return {
    ...(trials === undefined ? {} : { trials }),
    ...(wallMs === undefined ? {} : { wallMs }),
    ...(gpuSeconds === undefined ? {} : { gpuSeconds }),
  }
}

/**
 * Ends a sweep: to the state that `end` leads to from the present one. `busy`: an attempt is still queued or running,
 * or (with `refused`) its state allows no end.
 */
export async function endSweep(
  database: Database,
  id: SweepId,
  ownerEpoch: number,
  reason: string,
): Promise<{ readonly result: 'ended' | 'refused' | 'busy' | 'not-owner' }> {
  return database.tx(async (tx) => {
    const change = await SweepChange.begin(tx, id)
    if (change === undefined || change.sweep.owner_epoch !== ownerEpoch) return { result: 'not-owner' }
    const { sweep } = change
    const next = nextSweepState(sweep.state, 'end')
    if (next === undefined) return { result: 'refused' }
    if (sweep.outstanding > 0) return { result: 'busy' }
    await leavePaused(tx, change, next === 'completed' ? 'prune' : 'cancel', reason)
    await setState(tx, sweep.id, 'end', next, reason)
    change.fact({ kind: 'sweep-ended', state: next, reason })
    await change.store(tx)
    return { result: 'ended' }
  })
}

/** A sweep that is over has no trial that waits for it to go on. */
async function leavePaused(tx: Queryable, change: SweepChange, event: 'prune' | 'cancel', why: string): Promise<void> {
  // Only a sweep's end looks for them: no index needed beside the sweep's own range.
  const { rows } = await tx.query<Omit<PausedTrial, 'reason'>>(
    `select number as trial, value, side_values from trials where sweep_id = $1 and state = 'paused' order by number`,
    [change.sweep.id],
  )
  const reason = plainText(`still paused when the sweep ended: ${why}`)
  const trials = rows.map((row) => ({ ...row, reason }))
  await endPaused(tx, change, event, trials)
}

/** Stores why nothing starts, with a fact, when it differs from what is stored; null clears it without a fact. */
export async function setWaiting(
  database: Database,
  id: SweepId,
  ownerEpoch: number,
  wanted: string | null,
  basis: number,
): Promise<boolean> {
  const reason = wanted === null ? null : plainText(wanted)
  return database.tx(async (tx) => {
    const change = await SweepChange.begin(tx, id)
    if (change === undefined || change.sweep.owner_epoch !== ownerEpoch) return false
    if (change.sweep.waiting_reason === reason || isSweepOver(change.sweep.state)) return false
    await tx.query('update sweeps set waiting_reason = $2 where id = $1', [id, reason])
    if (reason !== null) change.fact({ kind: 'waiting', reason, basis })
    if (change.changed) await change.store(tx)
    return true
  })
}

/**
 * Notes that no further trial will be issued, for those that are paused until others come. Only when `basis` is the last
 * fact there is: what came since may be a reason to go on.
 */
export async function noteNoMoreTrials(
  database: Database,
  id: SweepId,
  ownerEpoch: number,
  reason: string,
  basis: number,
): Promise<boolean> {
  return database.tx(async (tx) => {
    const change = await SweepChange.begin(tx, id)
    if (change === undefined) return false
    checkOwner(change.sweep, ownerEpoch)
    if (change.sweep.fact_seq !== basis || change.sweep.state !== 'running') return false
    change.fact({ kind: 'no-more-trials', reason: plainText(reason), basis })
    await change.store(tx)
    return true
  })
}

export interface BudgetUse {
  readonly trials: number
  /** Since the first claim, by the database's clock, until now or the sweep's end; 0 before. */
  readonly wallMs: number
  /** Of ended attempts, and of running ones until now. */
  readonly gpuSeconds: number
  /** GPUs that running attempts hold. */
  readonly gpus: number
  readonly limits: Budget
}

const BUDGET = {
  name: 'sweep-budget',
  text: `select s.created_trials, s.budget_trials, s.budget_wall_ms, s.budget_gpu_seconds,
                coalesce(extract(epoch from coalesce(s.ended_at, clock_timestamp()) - s.started_at) * 1000, 0)::float8
                  as wall_ms,
                s.gpu_seconds + coalesce(held.gpu_seconds, 0) as gpu_seconds, coalesce(held.gpus, 0) as gpus
           from sweeps s
           left join lateral (
             select sum(a.gpus) as gpus,
                    sum(a.gpus * extract(epoch from clock_timestamp() - a.claimed_at)::float8) as gpu_seconds
               from attempts a where a.sweep_id = s.id and a.state = 'running') held on true
          where s.id = $1`,
}

interface BudgetRow {
  readonly created_trials: number
  readonly budget_trials: number | null
  readonly budget_wall_ms: number | null
  readonly budget_gpu_seconds: number | null
  readonly wall_ms: number
  readonly gpu_seconds: number
  readonly gpus: number
}

/** What a sweep has used of its budget. The controller admits and stops by it. */
export async function budgetUse(database: Database, id: SweepId): Promise<BudgetUse | undefined> {
  const { rows } = await database.query<BudgetRow>(BUDGET, [id])
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    trials: row.created_trials,
    wallMs: row.wall_ms,
    gpuSeconds: row.gpu_seconds,
    gpus: row.gpus,
    limits: budgetOf(row),
  }
}
