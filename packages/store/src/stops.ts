import type { StopReason } from '@sweep/spec/attempt'
import { SweepError } from '@sweep/spec/errors'
import { Verdict } from '@sweep/spec/facts'
import type { AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import type { AttemptStatus } from '@sweep/spec/wire/agent-protocol'
import type { Database } from './database.ts'
import { EndedAttempts, LIVE_COLUMNS, type LiveAttempt } from './end-attempts.ts'
import { spelledVerdict } from './fact-codec.ts'
import { jsonText, plainText } from './json-text.ts'
import { endPaused, type PausedTrial } from './paused-trials.ts'
import { checkOwner, SweepChange } from './sweep-change.ts'

export interface StopRequest {
  readonly trial: number
  /** Only this attempt; the trial's newest when absent. A decision about an attempt that is over hits no other. */
  readonly attempt?: number
  readonly reason: StopReason
  readonly verdict: Verdict
}

/**
 * `asked`: stored now; tell `agentId` (`notify attempt_stop`). `already`: a stop that is at least as strong stands.
 * `ended`: the attempt was still queued, or the trial paused, so it has ended without a process to stop. `idle`: there is
 * nothing to stop. `not-found`: no such trial.
 */
export type StopResult =
  | {
      readonly trial: number
      readonly result: 'asked' | 'already'
      readonly attemptId: AttemptId
      readonly agentId: AgentId
    }
  | { readonly trial: number; readonly result: 'ended'; readonly attemptId: AttemptId }
  | { readonly trial: number; readonly result: 'idle' | 'not-found' }

export interface AskStop {
  readonly sweepId: SweepId
  /** The controller's; an old one throws `fenced`. Absent when a person asks. */
  readonly ownerEpoch?: number
  readonly basis: number
  readonly by: string
  readonly stops: readonly StopRequest[]
}

const LIVE = {
  name: 'stops-live',
  text: `select ${LIVE_COLUMNS}, a.stop_reason
           from unnest($2::int[]) as n (trial)
           cross join lateral (select * from trials where sweep_id = $1 and number = n.trial offset 0) t
           cross join lateral (
             select * from attempts
              where id = t.sweep_id || '-' || t.number || '-' || t.attempts offset 0 for no key update) a`,
}

const STORE = {
  name: 'stops-store',
  // Their state was seen under the sweep's lock, and asking for it again would have the index of all that run be read.
  text: `update attempts a set (stop_reason, stop_verdict, stop_at) = (
           select x.reason, x.verdict, clock_timestamp()
             from jsonb_to_record($1::jsonb -> a.id) as x (reason text, verdict jsonb))
          where a.id = any($2)`,
}

type StoppableAttempt = LiveAttempt & { readonly stop_reason: StopReason | null }

/** Asks for attempts to be stopped; stops of one call are one transaction. An unknown sweep throws `not-found`. */
export async function askStop(database: Database, request: AskStop): Promise<StopResult[]> {
  const { sweepId, ownerEpoch, basis, by, stops } = request
  return database.tx(async (tx) => {
    const [change, found] = await Promise.all([
      SweepChange.begin(tx, sweepId),
      tx.query<StoppableAttempt>(LIVE, [sweepId, [...new Set(stops.map((stop) => stop.trial))]]),
    ])
    if (change === undefined) throw new SweepError('not-found', `There is no sweep ${sweepId}.`)
    if (ownerEpoch !== undefined) checkOwner(change.sweep, ownerEpoch)
    const byTrial = new Map(found.rows.map((row) => [row.trial, row]))
    const ended = new EndedAttempts(change)
    const paused = { prune: [] as PausedTrial[], cancel: [] as PausedTrial[] }
    const asked = new Map<AttemptId, { reason: StopReason; verdict: unknown }>()
    const results = stops.map((stop): StopResult => {
      const { trial, reason, verdict } = stop
      const attempt = byTrial.get(trial)
      if (attempt === undefined) return { trial, result: 'not-found' }
      if (stop.attempt !== undefined && stop.attempt !== attempt.number) return { trial, result: 'idle' }
      // One stop a trial and call; a second would see what the first has not stored yet.
      const isIdle = attempt.state === 'queued' || attempt.trial_state === 'paused'
      byTrial.set(trial, {
        ...attempt,
        stop_reason: reason,
        ...(isIdle ? { state: 'ended', trial_state: 'cancelled' } : {}),
      })
      const fact = { trial, attempt: attempt.number, stop: reason, basis, by, verdict }
      if (isIdle && endsIdle(reason)) {
        const event = reason === 'pruned' ? 'prune' : 'cancel'
        change.fact({ kind: 'stop-asked', ...fact })
        if (attempt.state === 'queued') ended.withdraw(attempt, event, verdict.reason)
        else paused[event].push({ ...attempt, reason: plainText(verdict.reason) })
        return { trial, result: 'ended', attemptId: attempt.id }
      }
      if (attempt.state !== 'running' || attempt.agent_id === null) return { trial, result: 'idle' }
      const place = { trial, attemptId: attempt.id, agentId: attempt.agent_id }
      if (!isStronger(reason, attempt.stop_reason)) return { ...place, result: 'already' }
      change.fact({ kind: 'stop-asked', ...fact })
      asked.set(attempt.id, { reason, verdict: spelledVerdict(verdict) })
      return { ...place, result: 'asked' }
    })
    if (!change.changed) return results
    const ids = [...asked.keys()]
    const sent = ids.length === 0 ? undefined : tx.query(STORE, [jsonText(Object.fromEntries(asked)), ids])
    const [stored] = await Promise.all([
      sent,
      ended.store(tx),
      endPaused(tx, change, 'prune', paused.prune),
      endPaused(tx, change, 'cancel', paused.cancel),
      change.store(tx),
    ])
    if (stored !== undefined && stored.rowCount !== ids.length) {
      throw new Error(`attempts of sweep ${sweepId} changed under its lock`)
    }
    return results
  })
}

/** The first stop asked stands, unless somebody wants the attempt dead: a cancelled trial doesn't wait for a pause. */
function isStronger(reason: StopReason, stored: StopReason | null): boolean {
  return stored === null || (reason === 'cancelled' && stored !== 'cancelled')
}

/** Reasons that mean the trial, not only the process that runs it; a queued or paused one has no process. */
function endsIdle(reason: StopReason): boolean {
  return reason === 'pruned' || reason === 'cancelled' || reason === 'stopped' || reason === 'budget'
}

/** The stop that stands in an attempt's row, as agents are told of it. */
export function stopOf(row: { stop_reason: StopReason | null; stop_verdict: unknown }): AttemptStatus['stop'] {
  return row.stop_reason === null ? null : { reason: row.stop_reason, verdict: Verdict.parse(row.stop_verdict) }
}
