import type { TrialState } from '@sweep/spec/trial'
import { TRIAL_STATES } from '@sweep/spec/trial'
import type { AgentRecord } from './agents.ts'
import type { Queryable } from './database.ts'

/** How much there is of everything, for whoever watches the service. */
export interface Totals {
  /** Trials of all sweeps by state. */
  readonly trials: Readonly<Record<TrialState, number>>
  /** Attempts that wait for an agent, by the queue their sweep names; queues where nothing is under way are left out. */
  readonly queued: Readonly<Record<string, number>>
  readonly agents: Readonly<Record<Exclude<AgentRecord['state'], 'gone'>, number>>
  /** Slots of agents that are not gone, and how many of these are free by their last heartbeat. */
  readonly slots: number
  readonly freeSlots: number
}

interface AgentsRow {
  readonly state: 'ready' | 'draining'
  readonly agents: number
  readonly slots: number
  readonly free: number
}

/** Read from the counters of the sweeps, so it costs the same however many trials there are. */
export async function readTotals(database: Queryable): Promise<Totals> {
  const [trials, queued, agents] = await Promise.all([
    database.query<Record<TrialState, number>>(
      `select ${TRIAL_STATES.map((state) => `coalesce(sum(trials_${state}), 0)::int as ${state}`).join(', ')} from sweeps`,
    ),
    database.query<{ queue: string; queued: number }>(
      'select queue, sum(trials_queued)::int as queued from sweeps where ended_at is null group by queue',
    ),
    database.query<AgentsRow>(
      `select state, count(*)::int as agents, sum(slot_count)::int as slots,
              coalesce(sum((room ->> 'slots')::int), 0)::int as free
         from agents where state <> 'gone' group by state`,
    ),
  ])
  const sum = (pick: (row: AgentsRow) => number) => agents.rows.reduce((total, row) => total + pick(row), 0)
  const inState = (state: AgentsRow['state']) => agents.rows.find((row) => row.state === state)?.agents ?? 0
  const counts = trials.rows[0]
  if (counts === undefined) throw new Error('a sum returned no row')
  return {
    trials: counts,
    queued: Object.fromEntries(queued.rows.map((row) => [row.queue, row.queued])),
    agents: { ready: inState('ready'), draining: inState('draining') },
    slots: sum((row) => row.slots),
    freeSlots: sum((row) => row.free),
  }
}
