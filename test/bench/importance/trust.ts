import { importanceOf } from '@sweep/analysis/importance/importance'
import { compare } from '@sweep/analysis/statistics/compare'
import type { TrialPoint } from '@sweep/analysis/trial-points'
import { type Check, figure } from '../check.ts'
import { mean } from '../search/statistics.ts'
import { SuiteRandom } from '../search/suite-random.ts'
import { box } from '../search/suite-space.ts'
import { printTable } from '../table.ts'
import { correlation } from './rank-correlation.ts'

const PARAMETERS = 6
const TRIALS = [30, 60, 120, 250]
/** Variance of the noise over that of the function. */
const NOISE = [0, 0.5, 1, 2]
const SWEEPS = 12
/** Upper ends of the groups. */
const R2_GROUPS = [0, 0.25, 0.5, 0.75, 1]

interface Judged {
  readonly r2: number
  readonly ranks: number
  readonly isFirstFound: boolean
  readonly covered: number
}

/** How right fANOVA is on functions whose shares are known, by how well its forest predicts what it has not seen. */
export function printTrust(): void {
  const judged = TRIALS.flatMap((trials) =>
    NOISE.flatMap((noise) =>
      Array.from({ length: SWEEPS }, (_, seed) => judge(trials, noise, trials * 1000 + noise * 100 + seed)),
    ),
  )
  printTable(
    [
      `${judged.length} simulated sweeps, by the R2 of the forest: fANOVA's shares and the true ones`,
      ...['sweeps', 'rank correlation', 'first one found', 'within the interval'],
    ],
    R2_GROUPS.map((below, index) => {
      const above = R2_GROUPS[index - 1] ?? Number.NEGATIVE_INFINITY
      const group = judged.filter(({ r2 }) => r2 >= above && r2 < below)
      return [
        `below ${below}`,
        String(group.length),
        mean(group.map(({ ranks }) => ranks)).toFixed(2),
        inPercent(mean(group.map(({ isFirstFound }) => Number(isFirstFound)))),
        inPercent(mean(group.map(({ covered }) => covered))),
      ]
    }),
  )
}

/**
 * An additive function of six parameters whose shares of its variance fall by half from one to the next, in random order;
 * half of them, by chance, rise along their range and the others have a valley in its middle.
 */
function judge(count: number, noise: number, seed: number): Judged {
  const random = new SuiteRandom(seed)
  const space = box(PARAMETERS, 0, 1)
  const names = space.parameters.map(({ name }) => name)
  const weights = names
    .map((_, index) => ({ weight: 2 ** -index, place: random.float() }))
    .sort((a, b) => a.place - b.place)
    .map(({ weight }) => weight)
  const isSlope = names.map(() => random.float() < 0.5)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  // Both shapes have variance 1 for uniform x.
  const effect = (x: number, index: number) =>
    isSlope[index] ? (x - 0.5) * Math.sqrt(12) : ((x - 0.5) ** 2 - 1 / 12) * Math.sqrt(180)
  const trials = Array.from({ length: count }, (_, index): TrialPoint => {
    const xs = names.map(() => random.float())
    const value = xs.reduce((sum, x, place) => sum + Math.sqrt(weights[place]!) * effect(x, place), 0)
    const config = Object.fromEntries(names.map((name, place) => [name, xs[place]!]))
    return { number: index + 1, state: 'completed', config, value: value + Math.sqrt(noise * total) * normal(random) }
  })
  const found = importanceOf({ space, trials, goal: 'minimize' }, { method: 'fanova' })
  const ofName = names.map((name) => found.parameters.find((one) => one.name === name)!)
  const isCovered = ofName.map(
    ({ low, high }, index) => low <= weights[index]! / total && weights[index]! / total <= high,
  )
  return {
    r2: found.r2!,
    ranks: correlation(
      ofName.map(({ importance }) => importance),
      weights,
    ),
    isFirstFound: found.parameters[0]!.name === names[weights.indexOf(1)],
    covered: mean(isCovered.map(Number)),
  }
}

const SEEDS = [3, 5, 10]
const PAIRED = ['paired-bootstrap', 'paired-t', 'wilcoxon'] as const
const COMPARISONS = 1000

/** How often two samples of the same normal distribution are told apart at p < 0.05. */
export function falsePositives(): Check[] {
  return SEEDS.flatMap((seeds) =>
    PAIRED.map((test) => {
      const random = new SuiteRandom(seeds)
      const sample = () => Array.from({ length: seeds }, () => normal(random))
      const found = Array.from(
        { length: COMPARISONS },
        (_, seed) => compare(sample(), sample(), { test, seed }).p! < 0.05,
      )
      return figure(`${test}, ${seeds} seeds: differences found where none is`, 100 * mean(found.map(Number)), '%')
    }),
  )
}

/** Box and Muller 1958. */
function normal(random: SuiteRandom): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())
}

function inPercent(share: number): string {
  return `${Math.round(100 * share)} %`
}
