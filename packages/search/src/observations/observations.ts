import type { FactBody, FactOf } from '@sweep/spec/facts'
import { toLoss } from '../loss.ts'
import { violationOf } from '../pareto/violation.ts'
import { entries, find, insert, remove, type Tree } from '../persistent/tree.ts'
import type { SamplerSettings } from '../sampler.ts'
import { lossesAt, type SideLosses, withSide } from '../side-losses.ts'
import { type Axis, encodeConfig } from '../space/axis.ts'
import type { Levels } from './levels.ts'

/** A full training: above every level at which a trial can be stopped. */
export const FULL = Number.MAX_SAFE_INTEGER
/** A trial that was stopped before the first level. */
export const BELOW_LEVELS = -1
/** A trial that ended and breaks constraints: its loss is by how much, whatever it has shown. */
export const INFEASIBLE = -2

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
  /** By level: all trials that have come to it, by (loss there, trial), with the losses of several objectives. */
  readonly reached: Tree<Tree<Losses>>
  /** By level: the trials that have come no further. */
  readonly topped: Tree<Tree<Losses>>
  readonly failed: Tree<undefined>
  /** Trials that have shown nothing so far, by number. */
  readonly pending: Tree<undefined>
  readonly sides: SideLosses
  /** By trial, the standard error of its loss, where it is a mean of several runs. */
  readonly spreads: Tree<number>
}

/** The losses of all objectives; undefined where there is one. */
export type Losses = readonly number[] | undefined

/** What one trial has shown: its losses at the levels that it has reached, ascending. */
interface Seen {
  readonly shown: readonly Standing[]
  readonly hasFailed: boolean
}

/** Where a trial stands: how far it came, as index of a level or one of the above, and its loss there, the first of several. */
export interface Standing {
  readonly level: number
  readonly loss: number
  readonly losses: Losses
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
    sides: undefined,
    spreads: undefined,
  }
}

export function observe(
  before: Observations,
  axes: readonly Axis[],
  settings: SamplerSettings,
  fact: FactBody,
): Observations {
  switch (fact.kind) {
    case 'trial-created': {
      const coordinates = insert(before.coordinates, fact.trial, 0, encodeConfig(axes, fact.config))
      return anew({ ...before, coordinates }, fact.trial)
    }
    case 'side-report':
      return sided(before, fact, settings)
    case 'report':
      return reported(before, fact, settings)
    case 'trial-requeued':
      return anew(forgotten(before, fact.trial), fact.trial)
    case 'trial-ended':
      return ended(before, fact, settings)
    default:
      return before
  }
}

function anew(before: Observations, trial: number): Observations {
  return {
    ...before,
    trials: insert(before.trials, trial, 0, NOTHING_SHOWN),
    pending: insert(before.pending, trial, 0, undefined),
  }
}

function sided(before: Observations, fact: FactOf<'side-report'>, { objectives = [] }: SamplerSettings): Observations {
  // Only what trials show on their way is taken from reports.
  if (before.levels === undefined) return before
  return { ...before, sides: withSide(before.sides, fact, objectives) }
}

function reported(before: Observations, fact: FactOf<'report'>, { goal, objectives }: SamplerSettings): Observations {
  const { levels } = before
  const seen = find(before.trials, fact.trial)
  if (levels === undefined || seen === undefined || seen.hasFailed) return before
  const loss = toLoss(fact.value, { goal })
  const losses = objectives && lossesAt(before.sides, fact.trial, loss, objectives)
  const resource = levels.unit === 'step' ? fact.step : fact.ordinal
  let after = before
  // Every level up to here that it has not shown yet; a report may jump over some.
  for (let level = (seen.shown.at(-1)?.level ?? -1) + 1; level < levels.bounds.length; level += 1) {
    if (levels.bounds[level]! > resource) break
    after = shown(after, fact.trial, { level, loss, losses })
  }
  return after
}

function ended(before: Observations, fact: FactOf<'trial-ended'>, settings: SamplerSettings): Observations {
  const { trial, state } = fact
  const seen = find(before.trials, trial)
  if (seen === undefined) return before
  // What somebody cancelled says nothing of its config.
  if (state === 'cancelled') return forgotten(before, trial)
  const violation = state === 'failed' ? 0 : violationAtEnd(fact, settings)
  const { loss, losses } = lossesAtEnd(fact, settings)
  const hasNumbers = (losses ?? [loss]).every(Number.isFinite)
  if (hasNumbers && violation > 0) {
    const cleared = forgotten(before, trial)
    const trials = insert(cleared.trials, trial, 0, NOTHING_SHOWN)
    return shown({ ...cleared, trials }, trial, { level: INFEASIBLE, loss: violation, losses: undefined })
  }
  if (state === 'completed' && hasNumbers) {
    const { spread } = fact
    const spreads = spread === undefined ? before.spreads : insert(before.spreads, trial, 0, spread)
    return shown({ ...before, spreads }, trial, { level: FULL, loss, losses })
  }
  if (state === 'pruned' && seen.shown.length > 0) return before
  if (state === 'pruned' && hasNumbers) return shown(before, trial, { level: BELOW_LEVELS, loss, losses })
  const cleared = forgotten(before, trial)
  return {
    ...cleared,
    trials: insert(cleared.trials, trial, 0, { shown: [], hasFailed: true }),
    failed: insert(cleared.failed, 0, trial, undefined),
  }
}

/** What is missing or not a number is worse than every number. */
function lossesAtEnd(
  { value, values = {} }: FactOf<'trial-ended'>,
  { goal, objectives }: SamplerSettings,
): Pick<Standing, 'loss' | 'losses'> {
  const losses = objectives?.map((objective) => toLoss(values[objective.name] ?? Number.NaN, objective))
  return { loss: losses?.[0] ?? toLoss(value ?? Number.NaN, { goal }), losses }
}

/** A trial that was stopped early may not have come to where a constraint's metric is measured. */
function violationAtEnd({ state, values = {} }: FactOf<'trial-ended'>, { constraints = [] }: SamplerSettings): number {
  const judged = state === 'completed' ? constraints : constraints.filter(({ name }) => Object.hasOwn(values, name))
  return violationOf(values, judged)
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
    sides: remove(before.sides, trial),
    spreads: remove(before.spreads, trial),
  }
}

type ByLevel = Tree<Tree<Losses>>

function withStanding(tree: ByLevel, { level, loss, losses }: Standing, trial: number): ByLevel {
  return insert<Tree<Losses>>(tree, level, 0, insert(find(tree, level), loss, trial, losses))
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
