import { afterAttempt, type MetricSeen } from '@sweep/spec/after-attempt'
import { type AttemptState, CAUSE_POLICY, CAUSES, type Cause } from '@sweep/spec/attempt'
import type { FactOf } from '@sweep/spec/facts'
import type { AgentId, AttemptId } from '@sweep/spec/ids'
import { attemptId } from '@sweep/spec/ids'
import { isFinal, nextState, statesAllowing, type TrialState } from '@sweep/spec/trial'
import type { Queryable } from './database.ts'
import { jsonText, plainText } from './json-text.ts'
import { parseSideValues, sideValueOf, valuesOf } from './side-values.ts'
import { type SweepChange, ticketQueue } from './sweep-change.ts'
import type { Checkpoint, QueuedAttempt } from './trial-record.ts'

/** What ending an attempt needs to know of it and of its trial, read under the sweep's lock. */
export interface LiveAttempt {
  readonly id: AttemptId
  readonly key: number
  readonly trial: number
  readonly number: number
  readonly state: AttemptState
  readonly epoch: number
  readonly agent_id: AgentId | null
  readonly run_key: number
  readonly gpus: number
  /** Seconds since it was claimed, by the database's clock; 0 before. */
  readonly held_seconds: number
  readonly trial_state: TrialState
  readonly user_failures: number
  readonly lost_failures: number
  readonly trial_reports: number
  readonly finite_reports: number
  readonly value: number | null
  readonly side_values: unknown
  readonly checkpoint: unknown
  /** Other hosts on which the program of the trial has failed before; null for none. */
  readonly failed_on: readonly string[] | null
}

/** Causes that are the fault of the program. */
export const USER_CAUSES: readonly Cause[] = CAUSES.filter((cause) => CAUSE_POLICY[cause].fault === 'user')

export const LIVE_COLUMNS = `a.id, a.key, a.trial, a.number, a.state, a.epoch, a.agent_id, a.run_key, a.gpus,
  coalesce(extract(epoch from clock_timestamp() - a.claimed_at)::float8, 0) as held_seconds, t.state as trial_state,
  t.user_failures, t.lost_failures, t.reports as trial_reports, t.finite_reports, t.value,
  t.side_values, t.checkpoint,
  case when t.user_failures > 0 then (
    select array_agg(distinct h.host order by h.host)
      from agents g, generate_series(1, a.number - 1) n
     cross join lateral (select * from attempts where id = a.sweep_id || '-' || a.trial || '-' || n offset 0) b
      join agents h on h.id = b.agent_id
     where g.id = a.agent_id and h.host <> g.host and not b.is_excused
       and b.cause in (${USER_CAUSES.map((cause) => `'${cause}'`).join(', ')})) end as failed_on`

export interface End {
  readonly cause: Cause
  readonly message: string
  readonly exitCode?: number | null
  readonly signal?: string | null
  /** Run time by the agent's clock; the database's when absent. */
  readonly seconds?: number
  readonly checkpoint?: Checkpoint
}

/** `$2` holds what is to be stored by the trial's number rather than as rows, for a join would compare all with all. */
const END = {
  name: 'attempts-end',
  text: `with ended as (
           update attempts a set (state, cause, message, exit_code, signal, seconds, gpu_seconds, checkpoint, lease_until,
                  ended_at) = (
                    select 'ended', x.cause, x.message, x.exit_code, x.signal, x.seconds, x.gpu_seconds, x.checkpoint,
                           null::timestamptz, now()
                      from jsonb_to_record($2::jsonb -> a.trial::text) as x (cause text, message text, exit_code int,
                        signal text, seconds float8, gpu_seconds float8, checkpoint jsonb))
            where a.id = any($5) and a.state <> 'ended' returning a.key, a.run_key, a.batches),
         moved as (
           update trials t set (state, last_cause, failure, user_failures, lost_failures, checkpoint, attempts, end_reason,
                  ended_at, loss) = (
                    select x.trial_state, x.cause, x.failure, x.user_failures, x.lost_failures,
                           coalesce(x.checkpoint, t.checkpoint), coalesce(x.next, t.attempts),
                           case when x.is_final or x.trial_state = 'paused' then x.reason end,
                           case when x.is_final then now() end,
                           -- What failed takes no place on the leaderboard; its value can still be read.
                           case when x.trial_state = 'failed' then null else t.loss end
                      from jsonb_to_record($2::jsonb -> t.number::text) as x (trial_state text, cause text, failure jsonb,
                        user_failures int, lost_failures int, checkpoint jsonb, next int, reason text, is_final boolean))
            where t.sweep_id = $1 and t.number = any($4) and $2::jsonb -> t.number::text -> 'allowed' ? t.state
             returning t.number, t.checkpoint),
         queued as (
           insert into attempts (id, sweep_id, trial, number, run_key, queue_name, restore)
           select $1 || '-' || m.number || '-' || x.next, $1, m.number, x.next, x.run_key, $3, m.checkpoint
             from moved m cross join jsonb_to_record($2::jsonb -> m.number::text) as x (next int, run_key int8)
            where x.next is not null),
         packed as (
           insert into metric_compactions (attempt_key, run_key) select key, run_key from ended where batches > 0
           on conflict do nothing)
         select (select count(*) from ended) as ended, (select count(*) from moved) as moved`,
}

/** Failed trials can't be the best; their loss is gone by now, so the index gives the next in line, if there is one. */
const REPLACE_BEST = {
  name: 'sweep-replace-best',
  text: `update sweeps s set (best_trial, best_value, best_loss) = (
           select t.number, t.value, t.loss from trials t
            where t.sweep_id = s.id and t.standing = 0 order by t.loss, t.number limit 1)
          where s.id = $1 and s.best_trial = any($2)`,
}

/** Attempts being ended within one transaction, with what that means to their trials. */
export class EndedAttempts {
  readonly queued: QueuedAttempt[] = []
  readonly #change: SweepChange
  readonly #ids: AttemptId[] = []
  /** What is to be stored, by the trial's number. */
  readonly #rows = new Map<number, object>()
  readonly #failed: number[] = []

  constructor(change: SweepChange) {
    this.#change = change
  }

  /** Ends a running attempt; the policy of the cause decides what becomes of the trial. */
  end(attempt: LiveAttempt, end: End, namesSeen: readonly string[]): void {
    const { sweep } = this.#change
    const after = afterAttempt({
      cause: end.cause,
      message: plainText(end.message),
      retry: { max: sweep.retry_max, lostMax: sweep.retry_lost_max },
      sweepState: sweep.state,
      metrics: this.#metricsSeen(attempt),
      namesSeen,
      userFailures: attempt.user_failures,
      lostFailures: attempt.lost_failures,
      failedOn: attempt.failed_on ?? [],
    })
    this.#add(attempt, end, after)
  }

  #metricsSeen({ trial_reports: reports, finite_reports: finiteReports, side_values }: LiveAttempt): MetricSeen[] {
    const { sweep, sideMetrics } = this.#change
    if (sweep.metric_name === null) return []
    const sideValues = parseSideValues(side_values)
    const beside = [...sideMetrics.keys()].map((name) => {
      const { reports, finite } = sideValueOf(sideValues, name)
      return { name, reports, finiteReports: finite }
    })
    return [{ name: sweep.metric_name, reports, finiteReports }, ...beside]
  }

  /** Ends an attempt that no agent has claimed, and its trial with it. */
  withdraw(attempt: LiveAttempt, event: 'cancel' | 'prune', reason: string): void {
    const cause = event === 'prune' ? 'pruned' : 'cancelled'
    const { user_failures: userFailures, lost_failures: lostFailures } = attempt
    this.#add(attempt, {}, { cause, message: reason, event, reason, userFailures, lostFailures })
  }

  #add(attempt: LiveAttempt, end: Partial<End>, after: ReturnType<typeof afterAttempt>): void {
    const change = this.#change
    const state = nextState(attempt.trial_state, after.event)
    if (state === undefined) throw new Error(`trial of ${attempt.id} is ${attempt.trial_state}: no ${after.event}`)
    const next = state === 'queued' ? attempt.number + 1 : null
    const gpuSeconds = attempt.gpus * attempt.held_seconds
    const seconds = end.seconds ?? attempt.held_seconds
    const signal = end.signal === undefined || end.signal === null ? null : plainText(end.signal)
    this.#ids.push(attempt.id)
    this.#rows.set(attempt.trial, {
      cause: after.cause,
      message: after.message,
      exit_code: end.exitCode ?? null,
      signal,
      seconds,
      gpu_seconds: gpuSeconds,
      checkpoint: end.checkpoint,
      allowed: statesAllowing(after.event),
      trial_state: state,
      is_final: isFinal(state),
      reason: after.reason,
      failure: state === 'failed' ? { cause: after.cause, message: after.message || after.reason } : undefined,
      user_failures: after.userFailures,
      lost_failures: after.lostFailures,
      next,
      run_key: attempt.run_key,
    })
    const { trial, number } = attempt
    const { cause, message } = after
    change.fact({ kind: 'attempt-ended', trial, attempt: number, cause, message, gpuSeconds, seconds })
    if (next !== null) {
      const id = attemptId(change.sweep.id, trial, next)
      change.fact({ kind: 'attempt-queued', trial, attempt: next, reason: after.reason })
      this.queued.push({ attemptId: id, queueName: ticketQueue(change.sweep), tickets: 0 })
    } else if (state !== 'paused') {
      change.fact(
        endedFact(
          change,
          { trial, value: attempt.value, side_values: attempt.side_values },
          finalState(state),
          after.reason,
        ),
      )
    }
    change.move(attempt.trial_state, state)
    change.addGpuSeconds(gpuSeconds)
    if (state === 'failed') this.#failed.push(trial)
  }

  /** Sends the statements; `change.store` is the caller's to send after them. */
  async store(tx: Queryable): Promise<void> {
    if (this.#ids.length === 0) return
    const { sweep } = this.#change
    const { rows } = await tx.query<{ ended: number; moved: number }>(END, [
      sweep.id,
      jsonText(Object.fromEntries(this.#rows)),
      ticketQueue(sweep),
      [...this.#rows.keys()],
      this.#ids,
    ])
    const count = this.#ids.length
    if (rows[0]?.ended !== count || rows[0].moved !== count) {
      throw new Error(`attempts of sweep ${sweep.id} changed under its lock`)
    }
  }

  /**
   * To be sent after `change.store`, which may have made a trial the best that failed in the same transaction; `others`
   * are trials whose value may have become worse.
   */
  async replaceBest(tx: Queryable, others: readonly number[] = []): Promise<void> {
    const trials = [...this.#failed, ...others]
    if (trials.length > 0) await tx.query(REPLACE_BEST, [this.#change.sweep.id, trials])
  }
}

/** The fact of a trial's end, with what stands for it. */
export function endedFact(
  change: SweepChange,
  {
    trial,
    value,
    side_values,
  }: { readonly trial: number; readonly value: number | null; readonly side_values: unknown },
  state: FactOf<'trial-ended'>['state'],
  reason: string,
): FactOf<'trial-ended'> {
  const values = valuesOf(change.aims, value, parseSideValues(side_values))
  return { kind: 'trial-ended', trial, state, value, ...(values === undefined ? {} : { values }), reason }
}

function finalState(state: TrialState): 'completed' | 'pruned' | 'failed' | 'cancelled' {
  if (state === 'completed' || state === 'pruned' || state === 'failed' || state === 'cancelled') return state
  throw new Error(`${state} is not final`)
}
