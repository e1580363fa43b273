import type { Confirmation } from '@sweep/spec/wire/confirmation'
import { compactLetters } from './compact-letters.ts'
import type { Comparison } from './compare.ts'
import { FEWEST_SEEDS } from './compare.ts'
import { compareGroups, type GroupComparison } from './compare-groups.ts'
import { confirmText } from './confirm-text.ts'
import { type MeanInterval, meanInterval } from './mean-interval.ts'

/** One of the best configs of a sweep, and what it came to when it was run again. */
export interface RunAgain {
  /** Number of the trial that had it. */
  readonly trial: number
  /** Its place among the sweep's configs, from 1: the recorded winner. */
  readonly place: number
  /** Its value in the sweep, where that is of the same metric; null otherwise. */
  readonly recorded: number | null
  /** By seed, the same for all; null where a run came to nothing. */
  readonly values: readonly (number | null)[]
}

export interface ConfirmOptions {
  readonly goal: 'minimize' | 'maximize'
  readonly metric: string
}

export type ConfirmedConfig = RunAgain & MeanInterval & { readonly group: string }
export type ConfirmComparison = Confirmation['comparisons'][number]
export type Confirmed = Pick<Confirmation, 'comparisons' | 'verdict' | 'text' | 'warnings'> & {
  /** The best mean first; those without one last. */
  readonly configs: readonly ConfirmedConfig[]
}

const ALPHA = 0.05

/**
 * Whether the recorded winner of a sweep is one. The best of many noisy values is in part the luckiest (the winner's
 * curse), so what counts is fresh runs: every pair of configs is compared by the paired t-test over the seeds that both have,
 * at 5 % over all pairs by Holm, and the record is held against what the config's own new runs say of one run more. Not by
 * the bootstrap: with five seeds it confirms less than half of the winners that the t-test does, see docs/analysis/confirm.md.
 */
export function confirm(runs: readonly RunAgain[], options: ConfirmOptions): Confirmed {
  const { goal } = options
  const sign = goal === 'maximize' ? -1 : 1
  const lossesOf = ({ values }: RunAgain) => values.map((value) => (value === null ? Number.NaN : sign * value))
  const judged = comparable(runs)
  const compared = compareGroups(
    judged.map((run) => ({ name: String(run.trial), values: lossesOf(run) })),
    { test: 'paired-t', alpha: ALPHA },
  )
  const order = compared.groups.map(({ name }) => Number(name))
  const letters = compactLetters(order.length, (first, second) =>
    compared.comparisons.some((pair) => isPair(pair, order[first]!, order[second]!) && differs(pair)),
  )
  const configs = runs
    .map((run): ConfirmedConfig => {
      return { ...run, ...meanInterval(run.values), group: letters[order.indexOf(run.trial)] ?? '' }
    })
    .sort((a, b) => lossOfMean(a, sign) - lossOfMean(b, sign) || a.place - b.place)
  const comparisons = compared.comparisons.map((pair) => reported(pair, sign))
  const differing = compared.comparisons
    .filter(differs)
    .map(({ first, second }) => [Number(first), Number(second)] as const)
  const { verdict, text } = confirmText({ configs, order, comparisons, differing }, options)
  return { configs, comparisons, verdict, text, warnings: warningsAbout(configs, order) }
}

/** The configs with two seeds in common at least, the best places first. */
function comparable(runs: readonly RunAgain[]): RunAgain[] {
  const kept: RunAgain[] = []
  for (const run of runs.toSorted((a, b) => a.place - b.place)) {
    if ([run, ...kept].every((other) => inCommon(run, other) >= 2)) kept.push(run)
  }
  return kept
}

function inCommon(a: RunAgain, b: RunAgain): number {
  return a.values.filter((value, index) => isNumber(value) && isNumber(b.values[index] ?? null)).length
}

function isNumber(value: number | null): boolean {
  return value !== null && Number.isFinite(value)
}

/** Runs that never vary can be told apart by looking. */
function differs({ comparison, adjustedP }: GroupComparison): boolean {
  return adjustedP === null ? comparison.difference !== 0 : adjustedP < ALPHA
}

function isPair({ first, second }: GroupComparison, a: number, b: number): boolean {
  return (Number(first) === a && Number(second) === b) || (Number(first) === b && Number(second) === a)
}

function lossOfMean({ mean }: MeanInterval, sign: number): number {
  return mean === null ? Number.MAX_VALUE : sign * mean
}

function reported({ first, second, comparison, adjustedP }: GroupComparison, sign: number): ConfirmComparison {
  const { difference, p, effect } = comparison
  return {
    ...{ first: Number(first), second: Number(second), difference: sign * difference + 0 },
    ...boundsOf(comparison, sign),
    ...{ p, adjustedP, cohensD: effect.cohensD === null ? null : sign * effect.cohensD },
  }
}

function boundsOf({ interval }: Comparison, sign: number): { low: number | null; high: number | null } {
  if (interval === null) return { low: null, high: null }
  return sign > 0 ? { ...interval } : { low: -interval.high, high: -interval.low }
}

function warningsAbout(configs: readonly ConfirmedConfig[], order: readonly number[]): string[] {
  const fewest = Math.min(...configs.map(({ runs }) => runs))
  const lost = configs.filter(({ values, runs }) => runs < values.length)
  const isConstant = configs.length > 0 && configs.every(({ runs, deviation }) => runs > 1 && deviation === 0)
  const left = configs.filter(({ trial }) => !order.includes(trial)).map(({ trial }) => trial)
  return [
    ...(fewest < FEWEST_SEEDS
      ? [`Only ${fewest} seeds: with fewer than ${FEWEST_SEEDS} hardly any difference can be told from chance.`]
      : []),
    ...lost.map(
      ({ trial, runs, values }) =>
        `Of trial ${trial} ${values.length - runs} of ${values.length} runs came to no value.`,
    ),
    ...(left.length > 0 ? [`Not compared, for want of two runs with the same seeds: ${left.join(', ')}.`] : []),
    ...(isConstant
      ? ['All runs of a config gave the same value: the program seems to make no use of SWEEP_SEED.']
      : []),
  ]
}
