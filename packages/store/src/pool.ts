import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { AgentId, type SweepId } from '@sweep/spec/ids'
import type { SweepState } from '@sweep/spec/sweep-state'
import { Room, Shape, Slot } from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'
import type { Queryable } from './database.ts'

export interface PoolAgent {
  readonly id: AgentId
  readonly name: string
  readonly slots: readonly Slot[]
  readonly cpus: number
  readonly memoryBytes: number
  readonly queues: readonly string[]
  readonly launchers: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** What it said last; null before the first heartbeat. */
  readonly room: Room | null
}

export interface PoolSweep {
  readonly id: SweepId
  readonly state: SweepState
  readonly priority: number
  readonly parallelism: number | null
  readonly outstanding: number
  readonly running: number
  readonly queue: string
  readonly launcher: SweepDocument['launcher']
  readonly shape: Shape
  readonly shapeKey: string
  readonly sharePass: number
}

const PoolAgents = z.array(
  z.object({
    id: AgentId,
    name: z.string(),
    slots: z.array(Slot),
    cpus: z.number(),
    memoryBytes: z.number(),
    queues: z.array(z.string()),
    launchers: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    room: Room.nullable(),
  }),
)

const AGENTS = {
  name: 'pool-agents',
  text: `select id, name, slots, cpus, memory_bytes as "memoryBytes", queues, launchers, labels, room
           from agents where state = 'ready' order by id`,
}

const SWEEPS = {
  name: 'pool-sweeps',
  text: `select id, state, priority, parallelism, outstanding, running, queue, launcher, shape, shape_key as "shapeKey",
                share_pass as "sharePass"
           from sweeps where ended_at is null order by id`,
}

/** Agents that are ready. */
export async function loadPoolAgents(database: Queryable): Promise<readonly PoolAgent[]> {
  const { rows } = await database.query(AGENTS)
  return PoolAgents.parse(rows)
}

/** Sweeps that are not over. */
export async function loadPoolSweeps(database: Queryable): Promise<readonly PoolSweep[]> {
  const { rows } = await database.query<Omit<PoolSweep, 'shape'> & { shape: unknown }>(SWEEPS)
  return rows.map((row) => ({ ...row, shape: Shape.parse(row.shape) }))
}
