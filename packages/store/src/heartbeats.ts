import type { StopReason } from '@sweep/spec/attempt'
import { SweepError } from '@sweep/spec/errors'
import type { AgentId, AttemptId } from '@sweep/spec/ids'
import type { AttemptStatus, Heartbeat } from '@sweep/spec/wire/agent-protocol'
import type { AgentRecord } from './agents.ts'
import type { Database } from './database.ts'
import { jsonText } from './json-text.ts'
import { stopOf } from './stops.ts'

export interface AgentBeat {
  readonly agentId: AgentId
  readonly beat: Heartbeat
}

export interface Renewal {
  readonly leaseMs: number
  /** What agents count on after a heartbeat: a lease with so much left is not renewed, each renewal being a row written anew. */
  readonly sureMs: number
}

/** What an agent hears. `drain`: somebody asked it to take no more. */
export interface BeatAnswer {
  readonly attempts: readonly AttemptStatus[]
  readonly drain: boolean
}

/**
 * Rows are locked in the order of the parameters, which are sorted: an `order by` would be met by reading all of a table
 * in that order, see the planner's settings in database.ts.
 */
const SEEN = {
  name: 'agents-seen',
  // One that was given up is back when it speaks again; its leases are gone all the same.
  text: `with heard as (
           select g.id, n.room, n.draining from unnest($1::text[], $2::jsonb[], $3::bool[]) as n (id, room, draining)
             join agents g on g.id = n.id for no key update of g)
         update agents g set last_seen_at = clock_timestamp(), room = heard.room,
                state = case when heard.draining then 'draining' when g.state = 'gone' then 'ready' else g.state end
           from heard where g.id = heard.id returning g.id, g.state`,
}

const RENEW = {
  name: 'agents-renew',
  text: `with named as (
           select a.id, a.agent_id, a.epoch, a.metrics_offset, a.output_offset, a.log_offset, a.stop_reason, a.stop_verdict,
                  a.lease_until < clock_timestamp() + $4 * interval '1 ms' as is_due
             from unnest($1::text[], $2::text[], $3::int[]) as n (agent_id, id, epoch)
             cross join lateral (select * from attempts where id = n.id offset 0) a
            where a.epoch = n.epoch and a.agent_id = n.agent_id and a.state = 'running'),
         due as (
           select a.id from named n
             cross join lateral (select * from attempts where id = n.id offset 0 for no key update) a
            where n.is_due and a.epoch = n.epoch and a.state = 'running'),
         renewed as (
           update attempts a set lease_until = clock_timestamp() + $5 * interval '1 ms'
            where a.id = any(array(select id from due)) returning a.id)
         -- No join of the two: that would be every row of one against every row of the other.
         select n.agent_id, n.id, n.metrics_offset, n.output_offset, n.log_offset, n.stop_reason, n.stop_verdict
           from named n where not n.is_due or n.id in (select r.id from renewed r)`,
}

interface RenewedRow {
  readonly agent_id: AgentId
  readonly id: AttemptId
  readonly metrics_offset: number
  readonly output_offset: number
  readonly log_offset: number
  readonly stop_reason: StopReason | null
  readonly stop_verdict: unknown
}

/** One heartbeat; see `heartbeats`. An agent that is not known throws `not-found`. */
export async function heartbeat(
  database: Database,
  agentId: AgentId,
  beat: Heartbeat,
  leaseMs: number,
): Promise<BeatAnswer> {
  const [answer] = await heartbeats(database, [{ agentId, beat }], { leaseMs, sureMs: leaseMs })
  if (answer === undefined) throw unknownAgent(agentId)
  return answer
}

export function unknownAgent(agentId: AgentId): SweepError {
  return new SweepError('not-found', `There is no agent ${agentId}; it has to register again.`)
}

/**
 * Renews the leases of the attempts that agents name, of no others, and of those that no report has renewed lately.
 *
 * @param beats of each agent at most one
 * @returns one per beat, in their order; undefined for an agent that is not known
 */
export async function heartbeats(
  database: Database,
  beats: readonly AgentBeat[],
  { leaseMs, sureMs }: Renewal,
): Promise<readonly (BeatAnswer | undefined)[]> {
  const sorted = beats.toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1))
  const named = beats
    .flatMap(({ agentId, beat }) => beat.attempts.map((attempt) => ({ agentId, ...attempt })))
    .sort((a, b) => (a.attemptId < b.attemptId ? -1 : 1))
  const { seen, renewed } = await database.tx(async (tx) => {
    const [seen, renewed] = await Promise.all([
      tx.query<{ id: AgentId; state: AgentRecord['state'] }>(SEEN, [
        sorted.map(({ agentId }) => agentId),
        sorted.map(({ beat }) => jsonText(beat.room)),
        sorted.map(({ beat }) => beat.draining),
      ]),
      named.length > 0
        ? tx.query<RenewedRow>(RENEW, [
            named.map(({ agentId }) => agentId),
            named.map(({ attemptId }) => attemptId),
            named.map(({ epoch }) => epoch),
            sureMs,
            leaseMs,
          ])
        : { rows: [] },
    ])
    return { seen: seen.rows, renewed: renewed.rows }
  })
  const states = new Map(seen.map(({ id, state }) => [id, state]))
  const rows = new Map(renewed.map((row) => [`${row.agent_id} ${row.id}`, row]))
  return beats.map(({ agentId, beat }) => {
    const state = states.get(agentId)
    if (state === undefined) return undefined
    const attempts = beat.attempts.map(({ attemptId }) => statusOf(attemptId, rows.get(`${agentId} ${attemptId}`)))
    return { attempts, drain: state === 'draining' }
  })
}

function statusOf(attemptId: AttemptId, row: RenewedRow | undefined): AttemptStatus {
  if (row === undefined) return { attemptId, status: 'fenced', stop: null }
  const offsets = { metrics: row.metrics_offset, output: row.output_offset, log: row.log_offset }
  return { attemptId, status: 'ok', offsets, stop: stopOf(row) }
}
