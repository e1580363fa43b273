import type { Config, SearchSpace } from '@sweep/spec/search-space'
import type { TrialState } from '@sweep/spec/trial'

/** A trial as far as an analysis looks at it. */
export interface TrialPoint {
  readonly number: number
  readonly config: Config
  readonly state: TrialState
  /** The objective as it was reported; null when nothing was. */
  readonly value: number | null
  /** The resource at which `value` was reported, in the sweep's unit. Looked at for pruned trials only. */
  readonly resource?: number | null
}

/** What an analysis of one objective starts from. Several objectives are one call each. */
export interface SweepPoints {
  readonly space: SearchSpace
  readonly trials: readonly TrialPoint[]
  readonly goal: 'minimize' | 'maximize'
}

/** A trial that can be compared with the others. Lower losses are better. */
export interface Comparable {
  readonly number: number
  readonly config: Config
  readonly loss: number
}

/** How many trials were left out, by reason. */
export interface LeftOut {
  /** Failed, or without a finite value. */
  readonly failed: number
  /** Still to come, running, paused or cancelled. */
  readonly unfinished: number
  /** Ended at another resource than those compared, or at an unknown one. */
  readonly otherResource: number
  /** A choice has a value that is not in the search space. */
  readonly foreign: number
  /** Beyond as many as are looked at. */
  readonly surplus: number
}

/** `full`: trials that were trained to their end; a number: trials that were pruned at this resource. */
export type Level = 'full' | number

export interface Selection {
  readonly trials: readonly Comparable[]
  readonly level: Level
  readonly leftOut: Omit<LeftOut, 'foreign' | 'surplus'>
}

/** Trials that a level needs before it is the one to look at; with fewer the next lower one is. */
export const LEAST_COMPARED = 30

/**
 * The trials that can be compared. Values that were reported at different resources are not about the same thing, so one
 * level alone is looked at: the highest that enough trials ended at, or else the one with most. Trained to the end is the
 * highest of all.
 */
export function selectTrials({ trials, goal }: Pick<SweepPoints, 'trials' | 'goal'>): Selection {
  const byLevel = new Map<Level, Comparable[]>()
  let failed = 0
  let unfinished = 0
  let unplaced = 0
  for (const { number, config, state, value, resource } of trials) {
    if (state !== 'completed' && state !== 'pruned' && state !== 'failed') {
      unfinished += 1
    } else if (state === 'failed' || value === null || !Number.isFinite(value)) {
      failed += 1
    } else if (state === 'pruned' && typeof resource !== 'number') {
      unplaced += 1
    } else {
      const level = state === 'completed' ? 'full' : resource!
      const loss = goal === 'maximize' ? -value : value
      const peers = byLevel.get(level)
      if (peers === undefined) byLevel.set(level, [{ number, config, loss }])
      else peers.push({ number, config, loss })
    }
  }
  const level = comparedLevel(byLevel)
  const chosen = byLevel.get(level) ?? []
  const others = [...byLevel.values()].reduce((sum, { length }) => sum + length, 0) - chosen.length
  return { trials: chosen, level, leftOut: { failed, unfinished, otherResource: unplaced + others } }
}

function comparedLevel(byLevel: ReadonlyMap<Level, readonly Comparable[]>): Level {
  const height = (level: Level) => (level === 'full' ? Number.POSITIVE_INFINITY : level)
  const levels = [...byLevel.keys()].sort((a, b) => height(b) - height(a))
  const size = (level: Level) => byLevel.get(level)!.length
  const enough = levels.find((level) => size(level) >= LEAST_COMPARED)
  if (enough !== undefined) return enough
  // The highest wins a tie.
  return levels.reduce((most, level) => (size(level) > size(most) ? level : most), levels[0] ?? 'full')
}
