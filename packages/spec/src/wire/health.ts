import { z } from 'zod'
import { HealthFinding } from '../health.ts'
import { RunId } from '../ids.ts'

/** Same as `Time` in api.ts, which names findings itself. */
const Time = z.iso.datetime()

/** A finding with the run that it is about, and until when it held. */
export const FindingView = HealthFinding.extend({
  runId: RunId,
  /** Number of its trial; null for a run outside any sweep. */
  trial: z.int().nullable(),
  foundAt: Time,
  /** When it was so no more; null while it is. */
  clearedAt: Time.nullable(),
})
export type FindingView = z.infer<typeof FindingView>

/** `GET /runs/:id/health`, those that still hold first, and `GET /sweeps/:id/health`, by trial. */
export const HealthReply = z.strictObject({
  findings: z.array(FindingView),
  /** Whether there are more than can be shown at once. */
  more: z.boolean(),
})
export type HealthReply = z.infer<typeof HealthReply>
