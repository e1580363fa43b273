import { bootstrapMeans, type Interval, percentileInterval } from '../statistics/bootstrap.ts'
import { ascending, mean } from '../statistics/describe.ts'
import { type SweepPoints, selectTrials } from '../trial-points.ts'
import { asReported } from './reported.ts'

type Trials = Pick<SweepPoints, 'trials' | 'goal'>

export interface DistributionStep {
  readonly value: number
  /** Of the trials: how many are at this value or below. */
  readonly share: number
}

/** The empirical distribution function of the values that can be compared, with one step for every value. */
export function valueDistribution(points: Trials): DistributionStep[] {
  const values = ascending(selectTrials(points).trials.map(({ loss }) => asReported(loss, points.goal)))
  const steps = Array.from(values, (value, index) => ({ value, share: (index + 1) / values.length }))
  return steps.filter(({ value }, index) => steps[index + 1]?.value !== value)
}

export interface BestSoFar {
  readonly trial: number
  readonly value: number
  /** Best of the values up to this trial. */
  readonly best: number
}

/** In the order of the trials' numbers. */
export function bestSoFar(points: Trials): BestSoFar[] {
  const trials = selectTrials(points).trials.toSorted((a, b) => a.number - b.number)
  let best = Number.POSITIVE_INFINITY
  return trials.map(({ number, loss }) => {
    best = Math.min(best, loss)
    return { trial: number, value: asReported(loss, points.goal), best: asReported(best, points.goal) }
  })
}

export interface BestOfRuns extends Interval {
  /** Number of compared trials, from 1. */
  readonly trials: number
  readonly mean: number
}

const REPLICATES = 999

/**
 * The mean best value of several sweeps that differ by their seed alone, with the 95 % bootstrap interval of the mean, up
 * to the length of the shortest. Of a single sweep the interval is the value itself.
 *
 * @param seed of the resamples
 */
export function bestOfRuns(runs: readonly Trials[], seed = 0): BestOfRuns[] {
  const lines = runs.map(bestSoFar)
  const length = Math.min(...lines.map((line) => line.length))
  if (!Number.isFinite(length)) return []
  return Array.from({ length }, (_, place) => {
    const values = lines.map((line) => line[place]!.best)
    const interval = percentileInterval(bootstrapMeans(values, seed, REPLICATES), 0.95)
    return { trials: place + 1, mean: mean(values), ...interval }
  })
}
