import { join } from 'node:path'
import { type ObjectsPlace, parseObjectsPlace } from '@sweep/objects/open-objects'
import type { Environment } from '@sweep/spec/environment'
import { whole } from '@sweep/spec/environment'
import { sweepHome } from '@sweep/spec/sweep-home'
import { parseMemory } from '@sweep/spec/units'
import { z } from 'zod'

/** What becomes of the large things: code, checkpoints, artifacts. */
export interface ObjectSettings {
  readonly place: ObjectsPlace
  /** Uploads are refused once so many bytes are stored; no limit when absent. */
  readonly quotaBytes: number | undefined
  /** Of so many of the best trials of a sweep the newest checkpoint is kept once they are over. */
  readonly bestKept: number
  /** `auto`: checkpoints are copied where there is another agent that may have to go on from them. */
  readonly checkpoints: 'auto' | 'always' | 'never'
}

export const ObjectVariables = z.object({
  SWEEP_OBJECTS: z.string().optional(),
  SWEEP_OBJECTS_QUOTA: z
    .string()
    .refine((text) => parseMemory(text) !== null, { error: 'must be a size such as 200GB' })
    .optional(),
  SWEEP_KEEP_BEST: whole.min(0).max(1000).default(5),
  SWEEP_CHECKPOINTS: z.enum(['auto', 'always', 'never']).default('auto'),
})

/** @throws SweepError `invalid-request` for a place that can't be meant */
export function objectSettings(found: z.output<typeof ObjectVariables>, env: Environment): ObjectSettings {
  const { SWEEP_OBJECTS: place, SWEEP_OBJECTS_QUOTA: quota } = found
  return {
    place:
      place === undefined
        ? { kind: 'folder', folder: join(sweepHome(env), 'objects'), isDefault: true }
        : parseObjectsPlace(place),
    quotaBytes: quota === undefined ? undefined : (parseMemory(quota) ?? undefined),
    bestKept: found.SWEEP_KEEP_BEST,
    checkpoints: found.SWEEP_CHECKPOINTS,
  }
}
