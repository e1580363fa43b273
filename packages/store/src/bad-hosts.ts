import { CAUSE_POLICY, CAUSES, type Cause } from '@sweep/spec/attempt'
import {
  type Elsewhere,
  FAST_FAILURES,
  FAST_SECONDS,
  failedFast,
  type HostAttempt,
  tellsOfHost,
  whyBadHost,
} from '@sweep/spec/bad-host'
import type { AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import { attemptId } from '@sweep/spec/ids'
import { isSweepOver } from '@sweep/spec/sweep-state'
import type { Database, Queryable } from './database.ts'
import { jsonText, plainText } from './json-text.ts'
import { lossOf } from './loss.ts'
import { SweepChange, ticketQueue } from './sweep-change.ts'
import type { QueuedAttempt } from './trial-record.ts'

/** Attempts of a host that are looked at, newest first; a few more than a verdict needs. */
const LATELY = 12

/** Where a sweep fails everywhere all agents are suspect; those that fail most often come up most often. */
const MOST_SUSPECTS = 20

const TELLING = CAUSES.filter(tellsOfHost)

const SUSPECTS = {
  name: 'agents-suspect',
  text: `select g.id from agents g, lateral (
           select a.cause, a.ended_at from attempts a
            where a.agent_id = g.id and a.state = 'ended' and a.ended_at >= g.ready_since and a.cause = any($1)
            order by a.ended_at desc limit 1) newest
          where g.state = 'ready' and newest.cause = any($2)
          order by newest.ended_at desc limit $3`,
}

/** Agents whose newest attempt failed in a way that may be their fault, the newest failure first. */
export async function suspectAgents(database: Queryable): Promise<{ readonly id: AgentId }[]> {
  return (await database.query<{ id: AgentId }>(SUSPECTS, [TELLING, FAST_FAILURES, MOST_SUSPECTS])).rows
}

const LATELY_ENDED = {
  name: 'agent-lately-ended',
  text: `select a.sweep_id as "sweepId", a.trial, a.cause, coalesce(a.seconds, 0) as seconds
           from attempts a join agents g on g.id = a.agent_id
          where g.id = $1 and a.state = 'ended' and a.ended_at >= g.ready_since and a.cause = any($2)
          order by a.ended_at desc, a.key desc limit $3`,
}

/** What runs for longer than a fast failure takes has got further, too. */
const ELSEWHERE = {
  name: 'sweeps-elsewhere',
  text: `select a.sweep_id as "sweepId", o.host, a.cause, coalesce(a.seconds, 0) as seconds
           from agents g join agents o on o.host <> g.host join attempts a on a.agent_id = o.id
          where g.id = $1 and a.sweep_id = any($2) and (
                (a.state = 'ended' and a.ended_at > now() - interval '1 hour' and a.cause = any($3))
                or (a.state = 'running' and a.started_at < now() - $4 * interval '1 s'))`,
}

const HAS_OTHERS = {
  name: 'agent-has-others',
  text: `select exists (
           select 1 from agents g join agents o on o.host <> g.host
            where g.id = $1 and o.state = 'ready' and o.queues && g.queues and o.launchers && g.launchers) as has`,
}

const DRAIN = {
  name: 'agent-drain-faulty',
  text: `update agents set state = 'draining', state_reason = $2, is_faulty = true where id = $1 and state = 'ready'`,
}

/** Drains an agent whose host is bad by what the store knows of it. Returns why; undefined when it goes on. */
export async function drainBadHost(database: Queryable, id: AgentId): Promise<string | undefined> {
  const { rows: lately } = await database.query<HostAttempt>(LATELY_ENDED, [id, TELLING, LATELY])
  const sweepIds = [...new Set(lately.map((attempt) => attempt.sweepId))]
  // Most are cleared by what ended here alone, without a look at the other hosts.
  const best = new Map(sweepIds.map((sweepId) => [sweepId, [{ ran: Number.POSITIVE_INFINITY, failedFast: 0 }]]))
  if (whyBadHost({ lately, elsewhere: best, hasOthers: true }) === undefined) return undefined
  const [others, has] = await Promise.all([
    database.query<OtherAttempt>(ELSEWHERE, [id, sweepIds, TELLING, FAST_SECONDS]),
    database.query<{ has: boolean }>(HAS_OTHERS, [id]),
  ])
  const reason = whyBadHost({ lately, elsewhere: elsewhereOf(others.rows), hasOthers: has.rows[0]?.has === true })
  if (reason === undefined) return undefined
  const { rowCount } = await database.query(DRAIN, [id, reason])
  return rowCount === 1 ? reason : undefined
}

interface OtherAttempt {
  readonly sweepId: SweepId
  readonly host: string
  /** Null while it runs. */
  readonly cause: Cause | null
  readonly seconds: number
}

function elsewhereOf(attempts: readonly OtherAttempt[]): Map<SweepId, Elsewhere[]> {
  const sweeps = new Map<SweepId, Map<string, Elsewhere>>()
  for (const { sweepId, host, cause, seconds } of attempts) {
    const hosts = sweeps.get(sweepId) ?? new Map<string, Elsewhere>()
    const { ran, failedFast: failed } = hosts.get(host) ?? { ran: 0, failedFast: 0 }
    const hasFailed = cause !== null && failedFast({ cause, seconds })
    hosts.set(host, hasFailed ? { ran, failedFast: failed + 1 } : { ran: ran + 1, failedFast: failed })
    sweeps.set(sweepId, hosts)
  }
  return new Map([...sweeps].map(([sweepId, hosts]) => [sweepId, [...hosts.values()]]))
}

/** Fast failures on faulty agents, back to the last attempt that went well there. */
const VICTIMS = `
  select a.id, a.sweep_id as "sweepId", a.trial, a.number, a.cause, g.name as agent, g.state_reason as reason
    from agents g join attempts a on a.agent_id = g.id
   where g.is_faulty and a.state = 'ended' and a.ended_at >= g.ready_since and not a.is_excused
     and (a.cause = 'node-fault' or (a.cause = any($1) and coalesce(a.seconds, 0) <= $2))
     and not exists (
       select 1 from attempts later
        where later.agent_id = g.id and later.state = 'ended' and later.ended_at > a.ended_at
          and later.cause = any($3)
          and not (later.cause = 'node-fault' or (later.cause = any($1) and coalesce(later.seconds, 0) <= $2)))`

interface Victim {
  readonly id: AttemptId
  readonly sweepId: SweepId
  readonly trial: number
  readonly number: number
  readonly cause: Cause
  readonly agent: string
  readonly reason: string
}

export interface Excused {
  /** New attempts of trials that had failed for good. */
  readonly queued: readonly QueuedAttempt[]
  readonly sweepIds: readonly SweepId[]
}

/** Takes what failed on a host that was drained for it off the account of its trials; those that failed run again. */
export async function excuseVictims(database: Database): Promise<Excused> {
  const { rows } = await database.query<{ sweepId: SweepId }>(
    { name: 'victims', text: `${VICTIMS} order by a.sweep_id, a.id` },
    [FAST_FAILURES, FAST_SECONDS, TELLING],
  )
  const queued: QueuedAttempt[] = []
  const sweepIds = [...new Set(rows.map((row) => row.sweepId))]
  for (const sweepId of sweepIds) queued.push(...(await database.tx((tx) => excuseOfSweep(tx, sweepId))))
  return { queued, sweepIds }
}

const TRIALS = {
  name: 'trials-of-victims',
  text: `select number, state, attempts, value, infeasible from trials where sweep_id = $1 and number = any($2)`,
}

/** `again`: it had failed for good, and its next attempt is queued. */
const EXCUSE = {
  name: 'victims-excuse',
  text: `with list as materialized (
           select * from jsonb_to_recordset($2::jsonb) as x (trial int, again boolean, loss float8, users int, ours int)),
         excused as (update attempts set is_excused = true where id = any($3)),
         moved as (
           update trials t set user_failures = greatest(0, t.user_failures - list.users),
                  lost_failures = greatest(0, t.lost_failures - list.ours)
             from list where not list.again and t.sweep_id = $1 and t.number = list.trial),
         requeued as (
           update trials t set state = 'queued', attempts = t.attempts + 1, user_failures = 0, lost_failures = 0,
                  failure = null, end_reason = null, ended_at = null, loss = list.loss
             from list
            where list.again and t.sweep_id = $1 and t.number = list.trial and t.state = 'failed'
            returning t.sweep_id, t.number, t.attempts, t.checkpoint)
         insert into attempts (id, sweep_id, trial, number, run_key, queue_name, restore)
         select r.id || '-' || q.attempts, q.sweep_id, q.number, q.attempts, r.key, $4, q.checkpoint
           from requeued q join runs r on r.id = q.sweep_id || '-' || q.number`,
}

async function excuseOfSweep(tx: Queryable, sweepId: SweepId): Promise<QueuedAttempt[]> {
  const change = await SweepChange.begin(tx, sweepId)
  if (change === undefined) return []
  const { sweep } = change
  // Looked at again under the lock: another controller may have been first.
  const { rows: victims } = await tx.query<Victim>(
    { name: 'victims-of-sweep', text: `${VICTIMS} and a.sweep_id = $4 order by a.trial, a.number` },
    [FAST_FAILURES, FAST_SECONDS, TELLING, sweepId],
  )
  if (victims.length === 0) return []
  if (isSweepOver(sweep.state)) {
    await tx.query('update attempts set is_excused = true where id = any($1)', [victims.map((victim) => victim.id)])
    return []
  }
  const goesOn = sweep.state === 'running' || sweep.state === 'paused'
  const numbers = [...new Set(victims.map((victim) => victim.trial))]
  const { rows: trials } = await tx.query<{
    number: number
    state: string
    attempts: number
    value: number | null
    infeasible: boolean
  }>(TRIALS, [sweepId, numbers])
  const queued: QueuedAttempt[] = []
  const list = trials.map(({ number: trial, state, attempts, value, infeasible }) => {
    const own = victims.filter((victim) => victim.trial === trial)
    const again = goesOn && state === 'failed' && own.some((victim) => victim.number === attempts)
    const loss = lossOf(sweep.metric_goal, value)
    if (again) {
      const next = attempts + 1
      const reason = plainText(
        `agent ${own.at(-1)?.agent} was drained: ${own.at(-1)?.reason}; run again free of charge`,
      )
      change.move('failed', 'queued')
      // What it had reported before it failed counts again.
      if (loss !== null && value !== null && !infeasible) change.offerBest(trial, value, loss)
      change.fact({ kind: 'trial-requeued', trial, by: 'controller' })
      change.fact({ kind: 'attempt-queued', trial, attempt: next, reason })
      queued.push({ attemptId: attemptId(sweepId, trial, next), queueName: ticketQueue(sweep), tickets: 0 })
    }
    const users = own.filter(({ cause }) => CAUSE_POLICY[cause].fault === 'user').length
    return { trial, again, loss, users, ours: own.length - users }
  })
  for (const agent of new Set(victims.map((victim) => victim.agent))) {
    const own = victims.filter((victim) => victim.agent === agent)
    const reason = plainText(own[0]?.reason ?? '')
    change.fact({ kind: 'agent-drained', agent, trials: [...new Set(own.map((victim) => victim.trial))], reason })
  }
  await tx.query(EXCUSE, [sweepId, jsonText(list), victims.map((victim) => victim.id), ticketQueue(sweep)])
  await change.store(tx)
  return queued
}
