import { Place } from '@sweep/launchers/place'
import { StopReason } from '@sweep/spec/attempt'
import { Verdict } from '@sweep/spec/facts'
import { Assignment } from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'

const Stored = z.object({
  assignment: Assignment,
  /** Null while it is being started. */
  place: Place.nullable(),
  slots: z.array(z.int()),
  gpus: z.array(z.int()),
  argv: z.array(z.string()),
  /** Milliseconds since 1970, by the agent's clock. */
  startedAt: z.number(),
  stop: z.object({ reason: StopReason, verdict: Verdict }).nullable(),
})

/** Before there were other places than processes, the process stood in the record itself. */
function withPlace(record: unknown): unknown {
  if (typeof record !== 'object' || record === null || !('pid' in record) || 'place' in record) return record
  const { pid, startTime, ...rest } = record as { pid: unknown; startTime?: unknown }
  return { ...rest, place: { kind: 'process', pid, startTime } }
}

/**
 * What a restarted agent must know of an attempt, from the moment before its program is started. Removed once the server
 * knows its end.
 */
export const LiveRecord = z.preprocess(withPlace, Stored)
export type LiveRecord = z.infer<typeof Stored>
