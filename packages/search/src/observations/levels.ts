import type { EarlyTerminate } from '@sweep/spec/document/sweep-document'
import { bands } from '../hyperband-wandb/bands.ts'

/** Resources at which trials that were not trained to the end can be compared, in ascending order. */
export interface Levels {
  readonly unit: 'step' | 'reports'
  readonly bounds: readonly number[]
}

/** The rungs of a pruner that has some, and powers of two for others; undefined where no resource tells trials apart. */
export function levelsOf(earlyTerminate: EarlyTerminate | undefined): Levels | undefined {
  if (earlyTerminate === undefined) return undefined
  switch (earlyTerminate.type) {
    case 'asha':
    case 'sync-hyperband': {
      const { minResource, maxResource = Number.MAX_SAFE_INTEGER, reductionFactor, resource } = earlyTerminate
      return { unit: resource, bounds: powers(minResource, reductionFactor, maxResource) }
    }
    case 'hyperband':
      return { unit: 'reports', bounds: bands(earlyTerminate) }
    case 'wilcoxon':
      // Its steps name instances, in whatever order they come.
      return undefined
    default:
      return { unit: earlyTerminate.resource, bounds: powers(1, 2, Number.MAX_SAFE_INTEGER) }
  }
}

function powers(from: number, factor: number, below: number): number[] {
  const bounds: number[] = []
  for (let bound = from; bound < below; bound *= factor) bounds.push(bound)
  return bounds
}
