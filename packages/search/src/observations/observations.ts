import type { FactBody, FactOf } from '@sweep/spec/facts'
import { entries, find, insert, remove, select, type Tree, treeSize } from '../persistent/tree.ts'
import type { SamplerSettings } from '../sampler.ts'
import { type Axis, encodeConfig } from '../space/axis.ts'
import type { Levels } from './levels.ts'

/** A full training: above every level at which a trial can be stopped. */
export const FULL = Number.MAX_SAFE_INTEGER
/** A trial that was stopped before the first level. */
const BELOW_LEVELS = -1

/** Trials that a level needs before it is the one to learn from; with fewer the next lower one is. */
const LEAST_COMPARED = 12

/**
 * What trials have shown, as a value. A trial is compared with others at levels: resources that many trials reach, the
 * last being a full training. What it showed first at a level stays; trials that are running or paused count at the
 * levels they have reached.
 */
export interface Observations {
  readonly levels: Levels | undefined
  /** Coordinates of every trial, by number. */
  readonly coordinates: Tree<Float64Array>
  readonly trials: Tree<Seen>
  /** By level: all trials that have come to it, by (loss there, trial). */
  readonly reached: Tree<Tree<undefined>>
  /** By level: the trials that have come no further. */
  readonly topped: Tree<Tree<undefined>>
  readonly failed: Tree<undefined>
  /** Trials that have shown nothing so far, by number. */
  readonly pending: Tree<undefined>
}

/** What one trial has shown: its losses at the levels that it has reached, ascending. */
interface Seen {
  readonly shown: readonly Standing[]
  readonly hasFailed: boolean
}

/** Where a trial stands: how far it came, as index of a level or `FULL`, and its loss there. */
export interface Standing {
  readonly level: number
  readonly loss: number
}

const NOTHING_SHOWN: Seen = { shown: [], hasFailed: false }

export function nothingObserved({ levels }: SamplerSettings): Observations {
  return {
    levels,
    coordinates: undefined,
    trials: undefined,
    reached: undefined,
    topped: undefined,
    failed: undefined,
    pending: undefined,
  }
}

export function observe(
  before: Observations,
  axes: readonly Axis[],
  { goal }: SamplerSettings,
  fact: FactBody,
): Observations {
  switch (fact.kind) {
    case 'trial-created': {
      const coordinates = insert(before.coordinates, fact.trial, 0, encodeConfig(axes, fact.config))
      return anew({ ...before, coordinates }, fact.trial)
    }
    case 'report':
      return reported(before, fact, lossOf(fact.value, goal))
    case 'trial-requeued':
      return anew(forgotten(before, fact.trial), fact.trial)
    case 'trial-ended':
      return ended(before, fact, lossOf(fact.value, goal))
    default:
      return before
  }
}

/** What is not a number is worse than every number. */
function lossOf(value: number | null, goal: SamplerSettings['goal']): number {
  if (value === null || !Number.isFinite(value)) return Number.POSITIVE_INFINITY
  return goal === 'maximize' ? -value : value
}

function anew(before: Observations, trial: number): Observations {
  return {
    ...before,
    trials: insert(before.trials, trial, 0, NOTHING_SHOWN),
    pending: insert(before.pending, trial, 0, undefined),
  }
}

function reported(before: Observations, fact: FactOf<'report'>, loss: number): Observations {
  const { levels } = before
  const seen = find(before.trials, fact.trial)
  if (levels === undefined || seen === undefined || seen.hasFailed) return before
  const resource = levels.unit === 'step' ? fact.step : fact.ordinal
  let after = before
  // Every level up to here that it has not shown yet; a report may jump over some.
  for (let level = (seen.shown.at(-1)?.level ?? -1) + 1; level < levels.bounds.length; level += 1) {
    if (levels.bounds[level]! > resource) break
    after = shown(after, fact.trial, { level, loss })
  }
  return after
}

function ended(before: Observations, { trial, state }: FactOf<'trial-ended'>, loss: number): Observations {
  const seen = find(before.trials, trial)
  if (seen === undefined) return before
  // What somebody cancelled says nothing of its config.
  if (state === 'cancelled') return forgotten(before, trial)
  const hasNumber = loss < Number.POSITIVE_INFINITY
  if (state === 'completed' && hasNumber) return shown(before, trial, { level: FULL, loss })
  if (state === 'pruned' && seen.shown.length > 0) return before
  if (state === 'pruned' && hasNumber) return shown(before, trial, { level: BELOW_LEVELS, loss })
  const cleared = forgotten(before, trial)
  return {
    ...cleared,
    trials: insert(cleared.trials, trial, 0, { shown: [], hasFailed: true }),
    failed: insert(cleared.failed, 0, trial, undefined),
  }
}

function shown(before: Observations, trial: number, standing: Standing): Observations {
  const seen = find(before.trials, trial)!
  const last = seen.shown.at(-1)
  return {
    ...before,
    trials: insert(before.trials, trial, 0, { ...seen, shown: [...seen.shown, standing] }),
    reached: withStanding(before.reached, standing, trial),
    topped: withStanding(
      last === undefined ? before.topped : withoutStanding(before.topped, last, trial),
      standing,
      trial,
    ),
    pending: remove(before.pending, trial),
  }
}

function forgotten(before: Observations, trial: number): Observations {
  const seen = find(before.trials, trial)
  if (seen === undefined) return before
  const last = seen.shown.at(-1)
  return {
    ...before,
    trials: remove(before.trials, trial),
    reached: seen.shown.reduce((tree, standing) => withoutStanding(tree, standing, trial), before.reached),
    topped: last === undefined ? before.topped : withoutStanding(before.topped, last, trial),
    failed: remove(before.failed, 0, trial),
    pending: remove(before.pending, trial),
  }
}

type ByLevel = Tree<Tree<undefined>>

function withStanding(tree: ByLevel, { level, loss }: Standing, trial: number): ByLevel {
  return insert(tree, level, 0, insert(find(tree, level), loss, trial, undefined) as Tree<undefined>)
}

function withoutStanding(tree: ByLevel, { level, loss }: Standing, trial: number): ByLevel {
  const left = remove(find(tree, level), loss, trial)
  return left === undefined ? remove(tree, level) : insert(tree, level, 0, left)
}

/** Where a trial stands now; undefined for one that has shown nothing, `failed` for one that never will. */
export function standingOf({ trials }: Observations, trial: number): Standing | 'failed' | undefined {
  const seen = find(trials, trial)
  return seen?.hasFailed ? 'failed' : seen?.shown.at(-1)
}

/** Coordinates of the trials that have shown nothing so far, by number. */
export function pendingPoints({ pending, coordinates }: Observations): Float64Array[] {
  return [...entries(pending)].flatMap(({ a: trial }) => find(coordinates, trial) ?? [])
}

/** A trial in the order of what it has shown. */
export interface RankedTrial {
  readonly trial: number
  /** `compared`: among those that all came to the same level, which `loss` is of; `behind`: came less far. */
  readonly place: 'compared' | 'behind' | 'failed'
  readonly loss: number
}

/**
 * All trials that have shown something, best first, as it stands now. The highest level with enough trials decides, as in
 * BOHB (Falkner et al. 2018, arXiv 1807.01774, section 4.1): first come those that reached it, by their loss there; then
 * those that came less far, the furthest first; then those that failed.
 */
export class RankedTrials {
  readonly length: number
  readonly #parts: readonly { readonly place: RankedTrial['place']; readonly tree: Tree<undefined> }[]

  constructor({ reached, topped, failed }: Observations) {
    const chosen = comparedLevel(reached)
    const behind = [...entries(topped)].reverse().filter(({ a: level }) => level < chosen)
    this.#parts = [
      { place: 'compared', tree: find(reached, chosen) },
      ...behind.map(({ value: tree }) => ({ place: 'behind' as const, tree })),
      { place: 'failed', tree: failed },
    ]
    this.length = this.#parts.reduce((sum, { tree }) => sum + treeSize(tree), 0)
  }

  /** How many can be compared with each other. */
  get compared(): number {
    return treeSize(this.#parts[0]!.tree)
  }

  /** The one with `rank` better ones before it. */
  at(rank: number): RankedTrial | undefined {
    let left = rank
    for (const { place, tree } of this.#parts) {
      if (left < treeSize(tree)) {
        const { a: loss, b: trial } = select(tree, left)!
        return { trial, place, loss: place === 'failed' ? Number.POSITIVE_INFINITY : loss }
      }
      left -= treeSize(tree)
    }
    return undefined
  }
}

/** The highest level with enough trials, or else the one with most; below the levels no two trials came equally far. */
function comparedLevel(reached: ByLevel): number {
  let chosen = { level: BELOW_LEVELS, size: 0 }
  for (const { a: level, value: tree } of [...entries(reached)].reverse()) {
    if (level === BELOW_LEVELS) break
    const size = treeSize(tree)
    if (size >= LEAST_COMPARED) return level
    if (size > chosen.size) chosen = { level, size }
  }
  return chosen.level
}
