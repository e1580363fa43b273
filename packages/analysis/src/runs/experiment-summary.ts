import { canonicalJson } from '@sweep/spec/config-hash'
import { type Comparison, compare } from '../statistics/compare.ts'
import { ascending, mean, quantile, sampleVariance } from '../statistics/describe.ts'
import { replicatesOf, seedOf } from './replicates.ts'
import { type Goal, type JudgedBy, judgedValue, type RunData } from './run-data.ts'

export interface RunValue {
  readonly run: string
  readonly value: number
}

export interface Improvement {
  readonly baseline: RunValue
  /** How much better the best run is: positive when it is, whichever way the goal goes. */
  readonly absolute: number
  /** As a share of the baseline's size; null where that is 0. */
  readonly relative: number | null
  /** Of the replicates of both, the best run's less the baseline's; null where either has fewer than two. */
  readonly comparison: Comparison | null
  /** What speaks against relying on it, in sentences. */
  readonly doubts: readonly string[]
}

export interface ExperimentSummary {
  /** Runs by whether they have a finite value. */
  readonly counted: number
  readonly withoutValue: number
  /** Ties go to the older run. Null without a finite value. */
  readonly best: RunValue | null
  readonly worst: RunValue | null
  readonly mean: number | null
  /** Of a sample; null with fewer than two. */
  readonly std: number | null
  readonly median: number | null
  readonly improvement: Improvement | null
}

export interface SummaryOptions {
  readonly metric: string
  readonly goal: Goal
  /** `best` unless told otherwise. */
  readonly by?: JudgedBy
  /** The run to compare the best one with; it need not be of the experiment. */
  readonly baseline?: RunData
}

/** What the runs of an experiment have come to by one metric. */
export function experimentSummary(runs: readonly RunData[], options: SummaryOptions): ExperimentSummary {
  const { metric, goal, by = 'best', baseline } = options
  const oldestFirst = runs.toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  const judged = oldestFirst.flatMap((run) => {
    const value = judgedValue(run, metric, goal, by)
    return value === undefined ? [] : [{ run, value }]
  })
  const sign = goal === 'minimize' ? 1 : -1
  const ordered = judged.toSorted((a, b) => sign * (a.value - b.value))
  const values = judged.map(({ value }) => value)
  const [best, worst] = [ordered[0], ordered.at(-1)]
  return {
    counted: judged.length,
    withoutValue: runs.length - judged.length,
    best: best === undefined ? null : { run: best.run.id, value: best.value },
    worst: worst === undefined ? null : { run: worst.run.id, value: worst.value },
    mean: values.length === 0 ? null : mean(values),
    std: values.length < 2 ? null : Math.sqrt(sampleVariance(values)),
    median: values.length === 0 ? null : quantile(ascending(values), 0.5),
    improvement: best === undefined || baseline === undefined ? null : improvementOver(runs, best, baseline, options),
  }
}

function improvementOver(
  runs: readonly RunData[],
  best: { readonly run: RunData; readonly value: number },
  baseline: RunData,
  { metric, goal, by = 'best' }: SummaryOptions,
): Improvement | null {
  const value = judgedValue(baseline, metric, goal, by)
  if (value === undefined) return null
  const everyone = runs.some(({ id }) => id === baseline.id) ? runs : [...runs, baseline]
  const absolute = goal === 'minimize' ? value - best.value : best.value - value
  const readValue = (run: RunData) => judgedValue(run, metric, goal, by)
  const { comparison, doubts } = compareReplicates(best.run, baseline, everyone, readValue)
  return {
    baseline: { run: baseline.id, value },
    absolute,
    relative: value === 0 ? null : absolute / Math.abs(value),
    comparison,
    doubts,
  }
}

function compareReplicates(
  best: RunData,
  baseline: RunData,
  runs: readonly RunData[],
  readValue: (run: RunData) => number | undefined,
): Pick<Improvement, 'comparison' | 'doubts'> {
  if (best.id === baseline.id) return { comparison: null, doubts: ['The baseline is the best run.'] }
  const [first, second] = [best, baseline].map((run) =>
    replicatesOf(run, runs).flatMap((one) => {
      const value = readValue(one)
      const seed = seedOf(one.params)
      return value === undefined ? [] : [{ seed: seed === undefined ? undefined : canonicalJson(seed), value }]
    }),
  ) as [Replicate[], Replicate[]]
  if (replicatesOf(best, runs).some(({ id }) => id === baseline.id)) {
    return { comparison: null, doubts: ['Best run and baseline have the same params, so any difference is chance.'] }
  }
  if (Math.min(first.length, second.length) < 2) {
    const doubt = `There are ${first.length} and ${second.length} runs of their params: with one run of either, chance can't be told from progress.`
    return { comparison: null, doubts: [doubt, 'Run both again with other seeds.'] }
  }
  const pairs = pairsOf(first, second)
  const comparison =
    pairs === undefined
      ? compare(
          first.map(({ value }) => value),
          second.map(({ value }) => value),
          { test: 'welch-t' },
        )
      : compare(pairs[0], pairs[1])
  // Chosen among many as the best: what it had by luck it has here too.
  const isChosen =
    'The best run was chosen for its value, so its advantage is overstated; `sweep confirm` measures it anew.'
  return { comparison, doubts: [...comparison.warnings, isChosen] }
}

interface Replicate {
  readonly seed: string | undefined
  readonly value: number
}

/** The values of the same seeds; undefined unless both sides have the same seeds, each once. */
function pairsOf(first: readonly Replicate[], second: readonly Replicate[]): [number[], number[]] | undefined {
  const [a, b] = [first, second].map((side) => new Map(side.map(({ seed, value }) => [seed, value])))
  const isPaired =
    a !== undefined &&
    b !== undefined &&
    a.size === first.length &&
    b.size === second.length &&
    a.size === b.size &&
    [...a.keys()].every((seed) => seed !== undefined && b.has(seed))
  return isPaired ? [[...a.values()], [...a.keys()].map((seed) => b.get(seed)!)] : undefined
}
