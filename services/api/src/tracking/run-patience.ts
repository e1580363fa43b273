import { whole } from '@sweep/spec/environment'
import { z } from 'zod'

/** How long runs outside of sweeps may be silent before they count as lost. */
export interface RunPatience {
  /** Of programs that send heartbeats. */
  readonly silentMs: number
  /** Of programs that send none, since they last logged something; undefined: for ever. */
  readonly idleMs: number | undefined
}

const DAY_MS = 86_400_000
export const RUN_PATIENCE: RunPatience = { silentMs: 300_000, idleMs: 30 * DAY_MS }

export const RunPatienceVariables = z.object({
  SWEEP_RUN_SILENCE_MS: whole.min(1000).max(DAY_MS).default(RUN_PATIENCE.silentMs),
  SWEEP_RUN_IDLE_DAYS: whole.min(0).max(36_500).default(30),
})

export function runPatience(found: z.output<typeof RunPatienceVariables>): RunPatience {
  const days = found.SWEEP_RUN_IDLE_DAYS
  return { silentMs: found.SWEEP_RUN_SILENCE_MS, idleMs: days === 0 ? undefined : days * DAY_MS }
}

/** Programs that are well say so a few times before they would be given up, and no more than once a minute. */
const BEATS_WITHIN_PATIENCE = 5
const MOST_BEAT_MS = 60_000

/** How often the program of a run says that it lives. */
export function beatMs({ silentMs }: RunPatience): number {
  return Math.min(MOST_BEAT_MS, silentMs / BEATS_WITHIN_PATIENCE)
}
