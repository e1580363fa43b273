import type { Verdict } from '@sweep/spec/facts'
import { attemptId, type SweepId } from '@sweep/spec/ids'
import { statesAllowing, TRANSITIONS } from '@sweep/spec/trial'
import type { Database, Queryable } from './database.ts'
import { endedFact } from './end-attempts.ts'
import { jsonText } from './json-text.ts'
import { checkOwner, SweepChange, ticketQueue } from './sweep-change.ts'
import type { QueuedAttempt } from './trial-record.ts'

export interface ResumeRequest {
  readonly trial: number
  /** The attempt that was paused; a decision about an older one resumes nothing. */
  readonly attempt: number
  readonly verdict: Verdict
}

export interface ResumeTrials {
  readonly sweepId: SweepId
  /** An old one throws `fenced`. */
  readonly ownerEpoch: number
  readonly basis: number
  readonly by: string
  readonly resumes: readonly ResumeRequest[]
}

const PAUSED = {
  name: 'trials-paused',
  text: `select number, attempts, (checkpoint ->> 'step')::int8 as checkpoint_step
           from trials where sweep_id = $1 and number = any($2) and state = any($3)`,
}

interface PausedRow {
  readonly number: number
  readonly attempts: number
  readonly checkpoint_step: number | null
}

const RESUME = {
  name: 'trials-resume',
  text: `with resumed as (
           update trials set state = 'queued', attempts = attempts + 1, end_reason = null
            where sweep_id = $1 and number = any($2) and state = any($3)
            returning sweep_id, number, attempts, checkpoint)
         insert into attempts (id, sweep_id, trial, number, run_key, queue_name, restore, tickets, ticketed_at)
         select r.id || '-' || q.attempts, q.sweep_id, q.number, q.attempts, r.key, $4, q.checkpoint, 1, now()
           from resumed q join runs r on r.id = q.sweep_id || '-' || q.number`,
}

/**
 * Queues the next attempt of paused trials, in one transaction under the sweep's lock; the trials count their failures on.
 * The first ticket of each attempt counts as made: add it to the queue after this. What is not paused any more, or in a
 * sweep that does not run, is left out.
 */
export async function resumeTrials(database: Database, request: ResumeTrials): Promise<QueuedAttempt[]> {
  const { sweepId, ownerEpoch, basis, by, resumes } = request
  return database.tx(async (tx) => {
    const numbers = resumes.map((resume) => resume.trial)
    const [change, found] = await Promise.all([
      SweepChange.begin(tx, sweepId),
      tx.query<PausedRow>(PAUSED, [sweepId, numbers, statesAllowing('resume')]),
    ])
    if (change === undefined) return []
    checkOwner(change.sweep, ownerEpoch)
    if (change.sweep.state !== 'running') return []
    const rows = new Map(found.rows.map((row) => [row.number, row]))
    const queueName = ticketQueue(change.sweep)
    const queued: QueuedAttempt[] = []
    const resumed: number[] = []
    for (const { trial, attempt, verdict } of resumes) {
      const row = rows.get(trial)
      if (row?.attempts !== attempt) continue
      rows.delete(trial)
      resumed.push(trial)
      const next = attempt + 1
      change.fact(
        { kind: 'trial-resumed', trial, attempt, basis, by, verdict },
        { kind: 'attempt-queued', trial, attempt: next, reason: whereFrom(row) },
      )
      change.move('paused', 'queued')
      change.admit()
      queued.push({ attemptId: attemptId(sweepId, trial, next), queueName, tickets: 1 })
    }
    if (resumed.length === 0) return []
    const [stored] = await Promise.all([
      tx.query(RESUME, [sweepId, resumed, statesAllowing('resume'), queueName]),
      change.store(tx),
    ])
    if (stored.rowCount !== resumed.length) throw new Error(`trials of sweep ${sweepId} changed under its lock`)
    return queued
  })
}

function whereFrom({ checkpoint_step: step }: PausedRow): string {
  return step === null
    ? 'resumed from the beginning, because it saved no checkpoint'
    : `resumed from its checkpoint of step ${step}`
}

/** A paused trial, as far as its end needs to know it. */
export interface PausedTrial {
  readonly trial: number
  readonly value: number | null
  readonly side_values: unknown
  readonly reason: string
}

const END = {
  name: 'trials-end-paused',
  text: `update trials t set state = $3, end_reason = x.reason, ended_at = now()
           from jsonb_to_recordset($2::jsonb) as x (trial int, reason text)
          where t.sweep_id = $1 and t.number = any($4) and t.number = x.trial and t.state = 'paused'`,
}

/**
 * Ends paused trials, whose processes are gone. Adds the facts at once and sends the statement; `change.store` is the
 * caller's to send after it.
 */
export async function endPaused(
  tx: Queryable,
  change: SweepChange,
  event: 'prune' | 'cancel',
  trials: readonly PausedTrial[],
): Promise<void> {
  if (trials.length === 0) return
  const state = TRANSITIONS.paused[event]
  for (const trial of trials) {
    change.fact(endedFact(change, trial, state, trial.reason))
    change.move('paused', state)
  }
  const ended = jsonText(trials.map(({ trial, reason }) => ({ trial, reason })))
  const { rowCount } = await tx.query(END, [change.sweep.id, ended, state, trials.map(({ trial }) => trial)])
  if (rowCount !== trials.length) throw new Error(`paused trials of sweep ${change.sweep.id} changed under its lock`)
}
