import { assertNever } from '@sweep/spec/assert-never'
import { SweepError } from '@sweep/spec/errors'
import { bootstrapPivots, type Interval } from './bootstrap.ts'
import { mean, quantile, sampleVariance } from './describe.ts'
import { studentQuantile } from './distributions.ts'
import { type EffectSize, effectSize } from './effect-size.ts'
import { mcNemar } from './mcnemar.ts'
import { mannWhitney, signedRank } from './rank-tests.ts'
import { pairedT, type TestResult, welchT } from './t-tests.ts'

/** Tests of pairs, such as runs of two configs with the same seeds. */
export const PAIRED_TESTS = ['paired-bootstrap', 'paired-t', 'wilcoxon', 'mcnemar'] as const
/** Tests of two samples that have nothing to do with each other. */
export const UNPAIRED_TESTS = ['welch-t', 'mann-whitney'] as const
export type ComparisonTest = (typeof PAIRED_TESTS)[number] | (typeof UNPAIRED_TESTS)[number]

/** What is known of the difference between two samples. A p-value never comes without the size of the effect. */
export interface Comparison extends TestResult {
  readonly test: ComparisonTest
  readonly effect: EffectSize
  /** Of the means, the first less the second. */
  readonly difference: number
  /** 95 % interval of the difference; null where it can't be known. */
  readonly interval: Interval | null
  /** How many values of each were compared. */
  readonly counts: readonly [number, number]
  /** Values, or pairs, that were left out as not finite. */
  readonly leftOut: number
  /** What speaks against relying on it, in sentences. */
  readonly warnings: readonly string[]
}

export interface CompareOptions {
  /** `paired-bootstrap` without it. */
  readonly test?: ComparisonTest
  /** Of the resamples. */
  readonly seed?: number
}

/** With fewer no test has the power to find anything but the largest differences. */
export const FEWEST_SEEDS = 5
const CONFIDENCE = 0.95

/**
 * Compares two samples, such as the losses of two configs over some seeds.
 *
 * @throws SweepError `invalid-request` for pairs without a partner, for fewer than two values, and for a `mcnemar` of
 *   anything but 0 and 1
 */
export function compare(
  first: readonly number[],
  second: readonly number[],
  { test = 'paired-bootstrap', seed = 0 }: CompareOptions = {},
): Comparison {
  const isPaired = (PAIRED_TESTS as readonly string[]).includes(test)
  const [a, b] = isPaired ? finitePairs(first, second) : [first.filter(Number.isFinite), second.filter(Number.isFinite)]
  const leftOut = isPaired ? first.length - a.length : first.length - a.length + second.length - b.length
  if (Math.min(a.length, b.length) < 2) {
    throw new SweepError('invalid-request', `only ${Math.min(a.length, b.length)} finite values can be compared`, {
      hint: 'A comparison needs two at least, and five to be worth something: run it with more seeds.',
    })
  }
  const found = run(test, a, b, seed)
  return {
    test,
    ...found,
    effect: effectSize(a, b, isPaired),
    difference: mean(a) - mean(b),
    counts: [a.length, b.length],
    leftOut,
    warnings: warningsAbout(a, b, leftOut, found.p, isPaired),
  }
}

function finitePairs(first: readonly number[], second: readonly number[]): [number[], number[]] {
  if (first.length !== second.length) {
    throw new SweepError('invalid-request', `${first.length} values can't be paired with ${second.length}`, {
      hint: 'Give the values of the same seeds in the same order, or take welch-t or mann-whitney.',
    })
  }
  const places = [...first.keys()].filter((place) => Number.isFinite(first[place]) && Number.isFinite(second[place]))
  return [places.map((place) => first[place]!), places.map((place) => second[place]!)]
}

function run(
  test: ComparisonTest,
  a: readonly number[],
  b: readonly number[],
  seed: number,
): TestResult & { readonly interval: Interval | null } {
  switch (test) {
    case 'paired-bootstrap':
      return pairedBootstrap(minus(a, b), seed)
    case 'paired-t':
    case 'wilcoxon': {
      const differences = minus(a, b)
      const found = test === 'paired-t' ? pairedT(differences) : signedRank(differences)
      return { ...found, interval: studentInterval(differences) }
    }
    case 'mcnemar':
      if ([...a, ...b].some((value) => value !== 0 && value !== 1)) {
        throw new SweepError('invalid-request', 'mcnemar compares 0s and 1s', {
          hint: 'Give 1 for right, 0 for wrong.',
        })
      }
      return { ...mcNemar(a, b), interval: studentInterval(minus(a, b)) }
    case 'welch-t':
    case 'mann-whitney': {
      const found = test === 'welch-t' ? welchT(a, b) : mannWhitney(a, b)
      return { ...found, interval: welchInterval(a, b) }
    }
    default:
      return assertNever(test)
  }
}

/**
 * A t-test whose distribution is that of the differences' own resamples, moved so that their true mean is 0 (Efron and
 * Tibshirani 1993, section 16.4), with the symmetric interval that leaves 0 out exactly when p is below 0.05 (Hall 1988,
 * "On symmetric bootstrap confidence intervals"). The division by the standard error of each resample is what makes it
 * hold with few seeds, see docs/analysis/statistics.md.
 */
function pairedBootstrap(differences: readonly number[], seed: number) {
  const middle = mean(differences)
  const error = Math.sqrt(sampleVariance(differences) / differences.length)
  if (!(error > 0)) return { statistic: Number.NaN, p: null, interval: null }
  const pivots = bootstrapPivots(differences, seed)
  const statistic = middle / error
  // A sum in another order is another number.
  const beyond = pivots.filter((pivot) => pivot >= Math.abs(statistic) * (1 - 1e-12)).length
  const reach = quantile(pivots, CONFIDENCE) * error
  return {
    statistic,
    p: (beyond + 1) / (pivots.length + 1),
    interval: Number.isFinite(reach) ? { low: middle - reach, high: middle + reach } : null,
  }
}

function minus(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, index) => value - b[index]!)
}

function studentInterval(differences: readonly number[]): Interval | null {
  const error = Math.sqrt(sampleVariance(differences) / differences.length)
  return around(mean(differences), error, differences.length - 1)
}

function welchInterval(a: readonly number[], b: readonly number[]): Interval | null {
  const [x, y] = [sampleVariance(a) / a.length, sampleVariance(b) / b.length]
  const degrees = (x + y) ** 2 / (x ** 2 / (a.length - 1) + y ** 2 / (b.length - 1))
  return around(mean(a) - mean(b), Math.sqrt(x + y), degrees)
}

function around(middle: number, error: number, degrees: number): Interval | null {
  if (!(error > 0)) return null
  const reach = error * studentQuantile((1 + CONFIDENCE) / 2, degrees)
  return { low: middle - reach, high: middle + reach }
}

function warningsAbout(
  a: readonly number[],
  b: readonly number[],
  leftOut: number,
  p: number | null,
  isPaired: boolean,
): string[] {
  const warnings: string[] = []
  const fewest = Math.min(a.length, b.length)
  if (fewest < FEWEST_SEEDS)
    warnings.push(
      `Only ${fewest} seeds: with fewer than ${FEWEST_SEEDS} hardly any difference can be told from chance.`,
    )
  if (leftOut > 0) warnings.push(`${leftOut} ${isPaired ? 'pairs' : 'values'} are not finite and were left out.`)
  if (p === null) warnings.push('The values do not vary, so there is no p-value.')
  return warnings
}
