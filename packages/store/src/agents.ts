import type { StopReason } from '@sweep/spec/attempt'
import type { AgentId, AttemptId } from '@sweep/spec/ids'
import { AgentCondition, type AgentEvent, type RegisterAgent, Slot } from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'
import type { Queryable } from './database.ts'
import { jsonText, plainText } from './json-text.ts'
import { stopOf } from './stops.ts'

export interface AgentRecord {
  readonly id: AgentId
  readonly name: string
  readonly host: string
  readonly state: 'ready' | 'draining' | 'gone'
  /** Why it was drained, where it was not the agent itself that said so. */
  readonly stateReason: string | null
  readonly slots: readonly Slot[]
  /** Attempts it runs. */
  readonly busy: number
  readonly cpus: number
  readonly memoryBytes: number
  readonly queues: readonly string[]
  readonly launchers: readonly string[]
  readonly labels: { readonly [key: string]: string }
  readonly version: string
  /** Null until it has said so. */
  readonly condition: AgentCondition | null
  readonly registeredAt: Date
  readonly lastSeenAt: Date
}

interface AgentRow {
  readonly id: AgentId
  readonly name: string
  readonly host: string
  readonly state: AgentRecord['state']
  readonly state_reason: string | null
  readonly slots: unknown
  readonly busy: number
  readonly cpus: number
  readonly memory_bytes: number
  readonly queues: string[]
  readonly launchers: string[]
  readonly labels: unknown
  readonly version: string
  readonly condition: unknown
  readonly registered_at: Date
  readonly last_seen_at: Date
}

const Slots = z.array(Slot)
const Labels = z.record(z.string(), z.string())

const COLUMNS = `g.id, g.name, g.host, g.state, g.state_reason, g.slots, g.cpus, g.memory_bytes, g.queues, g.launchers, g.labels,
  g.version, g.condition, g.registered_at, g.last_seen_at,
  (select count(*) from attempts a where a.agent_id = g.id and a.state = 'running') as busy`

function agentRecord(row: AgentRow): AgentRecord {
  return {
    id: row.id,
    name: row.name,
    host: row.host,
    state: row.state,
    stateReason: row.state_reason,
    slots: Slots.parse(row.slots),
    busy: row.busy,
    cpus: row.cpus,
    memoryBytes: row.memory_bytes,
    queues: row.queues,
    launchers: row.launchers,
    labels: Labels.parse(row.labels),
    version: row.version,
    condition: row.condition === null ? null : AgentCondition.parse(row.condition),
    registeredAt: row.registered_at,
    lastSeenAt: row.last_seen_at,
  }
}

const REGISTER = `
  insert into agents as g (id, name, host, slots, slot_count, gpu_slots, cpus, memory_bytes, queues, launchers, labels,
    version, allowed_queues)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
  on conflict (id) do update set name = excluded.name, host = excluded.host, state = 'ready', slots = excluded.slots,
    slot_count = excluded.slot_count, gpu_slots = excluded.gpu_slots, cpus = excluded.cpus,
    memory_bytes = excluded.memory_bytes, queues = excluded.queues, launchers = excluded.launchers,
    labels = excluded.labels, version = excluded.version, room = null, last_seen_at = clock_timestamp(),
    allowed_queues = excluded.allowed_queues, state_reason = null, condition = null, is_faulty = false, ready_since = clock_timestamp()
  returning ${COLUMNS}`

/**
 * Stores a new agent, or what an agent that comes back says of itself (`agentId` of `id`); it is `ready` again.
 * @param allowed the queues that it may serve, to be asked for when it comes back; null for any
 */
export async function registerAgent(
  database: Queryable,
  id: AgentId,
  agent: RegisterAgent,
  allowed: readonly string[] | null = null,
): Promise<AgentRecord> {
  const { rows } = await database.query<AgentRow>(REGISTER, [
    id,
    plainText(agent.name),
    plainText(agent.host),
    jsonText(agent.slots),
    agent.slots.length,
    agent.slots.filter((slot) => slot.gpu !== undefined).length,
    agent.cpus,
    agent.memoryBytes,
    agent.queues.map(plainText),
    agent.launchers.map(plainText),
    jsonText(agent.labels),
    plainText(agent.version),
    allowed,
  ])
  const row = rows[0]
  if (row === undefined) throw new Error('insert returned no row')
  return agentRecord(row)
}

/** The queues that an agent may serve by the token it joined with; null for any. */
export async function allowedQueues(database: Queryable, id: AgentId): Promise<readonly string[] | null> {
  const { rows } = await database.query<{ allowed_queues: string[] | null }>(
    'select allowed_queues from agents where id = $1',
    [id],
  )
  return rows[0]?.allowed_queues ?? null
}

/** Whether there is an agent besides this one. */
export async function hasOtherAgents(database: Queryable, id: AgentId): Promise<boolean> {
  const { rows } = await database.query<{ has: boolean }>(
    {
      name: 'agents-others',
      text: `select exists (select 1 from agents where state <> 'gone' and id <> $1) as has`,
    },
    [id],
  )
  return rows[0]?.has === true
}

/** Agents that are not gone. */
export async function agentsAtWork(database: Queryable): Promise<readonly AgentId[]> {
  const { rows } = await database.query<{ id: AgentId }>({
    name: 'agents-at-work',
    text: `select id from agents where state <> 'gone'`,
  })
  return rows.map(({ id }) => id)
}

export async function getAgent(database: Queryable, id: AgentId): Promise<AgentRecord | undefined> {
  const { rows } = await database.query<AgentRow>(`select ${COLUMNS} from agents g where g.id = $1`, [id])
  return rows[0] && agentRecord(rows[0])
}

/** By name. Not those that have been gone for more than a day. */
export async function listAgents(database: Queryable): Promise<AgentRecord[]> {
  const { rows } = await database.query<AgentRow>(
    `select ${COLUMNS} from agents g
      where g.state <> 'gone' or g.last_seen_at > now() - interval '1 day' order by g.name, g.id`,
  )
  return rows.map(agentRecord)
}

/** The agent takes nothing more. Returns whether it is known and not gone. */
export async function drainAgent(database: Queryable, id: AgentId, reason: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `update agents set state = 'draining', state_reason = coalesce(state_reason, $3) where id = $1 and state = any($2)`,
    [id, ['ready', 'draining'], plainText(reason)],
  )
  return rowCount === 1
}

/** Keeps what an agent says of how it works, until it registers again. Returns whether the agent is known. */
export async function keepCondition(database: Queryable, id: AgentId, condition: AgentCondition): Promise<boolean> {
  const { rowCount } = await database.query('update agents set condition = $2 where id = $1', [id, jsonText(condition)])
  return rowCount === 1
}

const PENDING = {
  name: 'agent-pending-stops',
  text: `select id, epoch, stop_reason, stop_verdict from attempts
          where agent_id = $1 and state = 'running' and stop_reason is not null`,
}

/** Stops asked of the agent's running attempts, for its stream. */
export async function pendingStops(
  database: Queryable,
  agentId: AgentId,
): Promise<Extract<AgentEvent, { type: 'stop' }>[]> {
  const { rows } = await database.query<{
    id: AttemptId
    epoch: number
    stop_reason: StopReason | null
    stop_verdict: unknown
  }>(PENDING, [agentId])
  return rows.flatMap((row) => {
    const stop = stopOf(row)
    return stop === null ? [] : [{ type: 'stop' as const, attemptId: row.id, epoch: row.epoch, ...stop }]
  })
}
