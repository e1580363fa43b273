import { assertNever } from '@sweep/spec/assert-never'
import type { ImportanceMethod } from '@sweep/spec/importance-methods'
import type { ImportanceReply } from '@sweep/spec/wire/importance'
import { type Table, tableOf } from '../table.ts'
import type { SweepPoints } from '../trial-points.ts'
import { correlations } from './correlation.ts'
import { doubtsAbout } from './doubts.ts'
import { forestImportance } from './forest-importance.ts'
import { pedAnova } from './ped-anova.ts'

/** The answer but for the name of the objective. */
export type Importance = Omit<ImportanceReply, 'metric'>
export type ParameterImportance = Importance['parameters'][number]
export type Interaction = Importance['interactions'][number]

/** An estimate with its 90 % bootstrap interval. */
export interface Estimate {
  readonly importance: number
  readonly low: number
  readonly high: number
}

export interface ImportanceOptions {
  readonly method: ImportanceMethod
  /** Of the resamples. */
  readonly seed?: number
  /** Of a forest. */
  readonly trees?: number
  /** Of more trials so many are looked at, evenly over their order; all without it. */
  readonly mostTrials?: number
}

/** What a method finds of the parameters that vary. */
export interface Findings {
  readonly parameters: ParameterImportance[]
  readonly interactions: Interaction[]
}

/** With fewer nothing can be said of a parameter. */
const FEWEST_TRIALS = 4

/**
 * How much each parameter matters for the objective, over the whole search space (fANOVA, permutation, MDI and the
 * correlations) or for being among the best tenth (PED-ANOVA). Every parameter is judged among the trials in which it
 * was active; what that says of all trials is weighted as each method's own comment says.
 */
export function importanceOf(points: SweepPoints, options: ImportanceOptions): Importance {
  const { method } = options
  const table = withinSquares(tableOf(points, options.mostTrials))
  const { losses, axes, constants, level, leftOut } = table
  const isFlat = losses.every((loss) => loss === losses[0])
  const canBeJudged = losses.length >= FEWEST_TRIALS && !isFlat
  const found = canBeJudged ? findingsOf(table, options) : { parameters: [], interactions: [] }
  const missing = [...axes.map(({ name }) => name), ...constants].filter(
    (name) => !found.parameters.some((one) => one.name === name),
  )
  const parameters = [...found.parameters, ...missing.map((name) => notJudged(name))].sort(mostImportantFirst)
  const r2 = found.parameters.reduce((most, one) => (one.trials > most.trials ? one : most), notJudged('')).r2
  return {
    method,
    parameters,
    interactions: found.interactions.toSorted((a, b) => b.importance - a.importance),
    r2,
    doubts: doubtsAbout({ trials: losses.length, isFlat, parameters: found.parameters, r2 }),
    trials: losses.length,
    level,
    leftOut,
  }
}

/** No method asks for the unit of the losses, but all square them: 1e308 would be too large for that, 1e-200 too small. */
function withinSquares(table: Table): Table {
  const largest = table.losses.reduce((most, loss) => Math.max(most, Math.abs(loss)), 0)
  if (largest === 0 || (largest < 1e75 && largest > 1e-75)) return table
  // A power of two takes nothing from the digits.
  const unit = 2 ** Math.floor(Math.log2(largest))
  return { ...table, losses: table.losses.map((loss) => loss / unit) }
}

function findingsOf(table: Table, { method, seed = 0, trees = 64 }: ImportanceOptions): Findings {
  switch (method) {
    case 'fanova':
    case 'permutation':
    case 'mdi':
      return forestImportance(table, method, { trees, seed })
    case 'ped-anova':
      return pedAnova(table, seed)
    case 'spearman':
    case 'pearson':
      return correlations(table, method, seed)
    default:
      return assertNever(method)
  }
}

/** A parameter that never varied, or was never active. */
function notJudged(name: string): ParameterImportance {
  return { name, importance: 0, low: 0, high: 0, trials: 0, correlation: null, r2: null }
}

function mostImportantFirst(a: ParameterImportance, b: ParameterImportance): number {
  return b.importance - a.importance || (a.name < b.name ? -1 : 1)
}
