import type { Running } from '@sweep/launchers/launcher'
import { StopReason } from '@sweep/spec/attempt'
import { Verdict } from '@sweep/spec/facts'
import { Assignment } from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'
import type { Held } from '../slots/slot-table.ts'

/** What a restarted agent must know of an attempt that it had started. Removed once the server knows its end. */
export const LiveRecord = z.object({
  assignment: Assignment,
  pid: z.int(),
  startTime: z.string(),
  slots: z.array(z.int()),
  gpus: z.array(z.int()),
  argv: z.array(z.string()),
  /** Milliseconds since 1970, by the agent's clock. */
  startedAt: z.number(),
  stop: z.object({ reason: StopReason, verdict: Verdict }).nullable(),
})
export type LiveRecord = z.infer<typeof LiveRecord>

/** Of a program that was started just now. */
export function liveRecord(
  assignment: Assignment,
  { pid, startTime }: Running,
  { slots }: Held,
  argv: readonly string[],
  startedAt: number,
): LiveRecord {
  return {
    assignment,
    pid,
    startTime,
    slots: slots.map((slot) => slot.index),
    gpus: slots.flatMap((slot) => (slot.gpu === undefined ? [] : [slot.gpu.index])),
    argv: [...argv],
    startedAt,
    stop: null,
  }
}
