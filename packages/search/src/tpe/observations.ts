import { assertNever } from '@sweep/spec/assert-never'
import type { FactBody } from '@sweep/spec/facts'
import { entries, find, insert, remove, select, type Tree, treeSize } from '../persistent/tree.ts'
import type { SamplerSettings } from '../sampler.ts'
import { type Axis, encodeConfig } from '../space/axis.ts'

/**
 * What trials have shown, best first, as a value. Completed trials come first, by loss; then those that were pruned, the
 * ones that got further first; then what failed or never gave a number.
 */
export interface Observations {
  /** Coordinates of every trial, by number. */
  readonly coordinates: Tree<Float64Array>
  /** Trials that have no end yet, by number. */
  readonly pending: Tree<{ readonly step: number }>
  /** Keys (loss, trial). */
  readonly completed: Tree<undefined>
  /** Minus the step reached; values the trials that were pruned there, by (loss, trial). */
  readonly pruned: Tree<Tree<undefined>>
  readonly prunedCount: number
  readonly failed: Tree<undefined>
  /** Where each ended trial stands in one of the three: its first key. */
  readonly placed: Tree<Place>
}

/** `key` is the loss, for a pruned trial at the step where it was stopped. */
interface Place {
  readonly in: 'completed' | 'pruned' | 'failed'
  readonly key: number
  readonly step: number
}

export const noObservations: Observations = {
  coordinates: undefined,
  pending: undefined,
  completed: undefined,
  pruned: undefined,
  prunedCount: 0,
  failed: undefined,
  placed: undefined,
}

export function observe(
  before: Observations,
  axes: readonly Axis[],
  { goal }: SamplerSettings,
  fact: FactBody,
): Observations {
  switch (fact.kind) {
    case 'trial-created':
      return {
        ...before,
        coordinates: insert(before.coordinates, fact.trial, 0, encodeConfig(axes, fact.config)),
        pending: insert(before.pending, fact.trial, 0, { step: 0 }),
      }
    case 'report': {
      const known = find(before.pending, fact.trial)
      if (known === undefined || fact.step <= known.step) return before
      return { ...before, pending: insert(before.pending, fact.trial, 0, { step: fact.step }) }
    }
    case 'trial-requeued':
      return { ...unplaced(before, fact.trial), pending: insert(before.pending, fact.trial, 0, { step: 0 }) }
    case 'trial-ended': {
      const cleared = unplaced(before, fact.trial)
      const step = find(before.pending, fact.trial)?.step ?? 0
      const after = { ...cleared, pending: remove(cleared.pending, fact.trial) }
      // What somebody cancelled says nothing of its config.
      if (fact.state === 'cancelled') return after
      if (fact.state === 'failed' || fact.value === null || !Number.isFinite(fact.value)) {
        return withPlace(after, fact.trial, { in: 'failed', key: 0, step })
      }
      return withPlace(after, fact.trial, {
        in: fact.state,
        key: goal === 'maximize' ? -fact.value : fact.value,
        step,
      })
    }
    default:
      return before
  }
}

function withPlace(before: Observations, trial: number, place: Place): Observations {
  const placed = insert(before.placed, trial, 0, place)
  switch (place.in) {
    case 'completed':
      return { ...before, placed, completed: insert(before.completed, place.key, trial, undefined) }
    case 'pruned': {
      const peers = insert(find(before.pruned, -place.step), place.key, trial, undefined)
      const pruned = insert(before.pruned, -place.step, 0, peers as Tree<undefined>)
      return { ...before, placed, pruned, prunedCount: before.prunedCount + 1 }
    }
    case 'failed':
      return { ...before, placed, failed: insert(before.failed, 0, trial, undefined) }
    default:
      return assertNever(place.in)
  }
}

function unplaced(before: Observations, trial: number): Observations {
  const place = find(before.placed, trial)
  if (place === undefined) return before
  const placed = remove(before.placed, trial)
  switch (place.in) {
    case 'completed':
      return { ...before, placed, completed: remove(before.completed, place.key, trial) }
    case 'pruned': {
      const peers = remove(find(before.pruned, -place.step), place.key, trial)
      const pruned =
        peers === undefined ? remove(before.pruned, -place.step) : insert(before.pruned, -place.step, 0, peers)
      return { ...before, placed, pruned, prunedCount: before.prunedCount - 1 }
    }
    case 'failed':
      return { ...before, placed, failed: remove(before.failed, 0, trial) }
    default:
      return assertNever(place.in)
  }
}

/** Trials that have ended with something to learn from. */
export function endedCount({ completed, prunedCount, failed }: Observations): number {
  return treeSize(completed) + prunedCount + treeSize(failed)
}

/** The number of the trial with `index` better ones before it. */
export function trialAtRank({ completed, pruned, failed }: Observations, index: number): number | undefined {
  let left = index
  if (left < treeSize(completed)) return select(completed, left)!.b
  left -= treeSize(completed)
  for (const { value: peers } of entries(pruned)) {
    if (left < treeSize(peers)) return select(peers, left)!.b
    left -= treeSize(peers)
  }
  return select(failed, left)?.b
}
