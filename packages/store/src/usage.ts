import type { SweepId } from '@sweep/spec/ids'
import { z } from 'zod'
import type { Queryable } from './database.ts'

/** What the attempts of a trial that have ended took, on hosts of one kind. */
export interface TrialUsage {
  /** Number of the trial. */
  readonly trial: number
  readonly seconds: number
  readonly gpuSeconds: number
  /** Of the agent, as it was registered last. */
  readonly labels: Readonly<Record<string, string>>
  readonly queues: readonly string[]
  /** Model of the GPU of the first slot; null without one. */
  readonly gpu: string | null
}

const USAGE = {
  name: 'trial-usage',
  // Attempts by their ids, which are made of the trial's key: there is no index over the sweep's attempts.
  text: `select t.number as trial, g.labels, g.queues, gpu.name as gpu,
                sum(coalesce(a.seconds, 0)) as seconds, sum(a.gpu_seconds) as gpu_seconds
           from trials t
           join attempts a on a.id = any(array(
             select t.sweep_id || '-' || t.number || '-' || n from generate_series(1, t.attempts) n))
           join agents g on g.id = a.agent_id
           left join lateral (
             select slot->'gpu'->>'name' as name from jsonb_array_elements(g.slots) slot
              where (slot->>'index')::int = a.slots[1] limit 1) gpu on true
          where t.sweep_id = $1 and ($2::int[] is null or t.number = any($2)) and a.state = 'ended'
          group by t.number, g.id, gpu.name order by t.number, g.id, gpu.name`,
}

interface Row {
  readonly trial: number
  readonly labels: unknown
  readonly queues: readonly string[]
  readonly gpu: string | null
  readonly seconds: number
  readonly gpu_seconds: number
}

const Labels = z.record(z.string(), z.string())

/** @param trials numbers of those that are wanted; all of the sweep when absent */
export async function trialUsage(
  database: Queryable,
  sweepId: SweepId,
  trials?: readonly number[],
): Promise<TrialUsage[]> {
  const { rows } = await database.query<Row>(USAGE, [sweepId, trials ?? null])
  return rows.map(({ labels, gpu_seconds: gpuSeconds, ...row }) => ({
    ...row,
    gpuSeconds,
    labels: Labels.parse(labels),
  }))
}
