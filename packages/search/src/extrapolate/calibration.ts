import type { Extrapolate, Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { find } from '../persistent/tree.ts'
import { type Chance, chanceAt, endLoss, init, remember } from './extrapolate-pruner.ts'

/** A probability that was stated, and whether what it was about came true. */
export interface Forecast {
  readonly trial: number
  readonly resource: number
  readonly probability: number
  readonly cameTrue: boolean
}

export interface CalibrationBin {
  /** Probabilities from `low` up to `high`, that one excluded save in the last bin. */
  readonly low: number
  readonly high: number
  readonly count: number
  /** Means over the bin, NaN when it is empty: of the probabilities, and how often what they were about came true. */
  readonly predicted: number
  readonly observed: number
}

export interface Calibration {
  readonly bins: readonly CalibrationBin[]
  /** The mean over all forecasts of |predicted - observed| of their bin: 0 is perfect. */
  readonly expectedError: number
  /** The mean of (probability - outcome)^2: what a forecast knows counts too; always saying one half gives 0.25. */
  readonly brierScore: number
}

/**
 * What the pruner would have said at every report of a sweep's trials, and what came of it. Trials that did not complete
 * are left out, as nobody knows where they would have ended: judge by sweeps in which none was stopped early.
 */
export function forecastsOf(facts: readonly FactBody[], settings: Extrapolate, metric: Metric): readonly Forecast[] {
  let memory = init(settings, metric)
  const open = new Map<number, Chance[]>()
  const forecasts: Forecast[] = []
  for (const fact of facts) {
    const before = memory
    memory = remember(memory, fact)
    if (fact.kind === 'report') {
      const chance = chanceAt(memory, fact.trial)
      if (chance !== undefined) open.set(fact.trial, [...(open.get(fact.trial) ?? []), chance])
    } else if (fact.kind === 'attempt-ended' && fact.cause === 'succeeded') {
      const sketch = find(before.trials, fact.trial)
      for (const { probability, resource, threshold } of open.get(fact.trial) ?? [])
        forecasts.push({ trial: fact.trial, resource, probability, cameTrue: endLoss(before, sketch!) <= threshold })
      open.delete(fact.trial)
    }
  }
  return forecasts
}

/**
 * How far stated probabilities are what they say: the reliability diagram and expected calibration error of Guo et al.
 * 2017, "On calibration of modern neural networks" (ICML), section 2, and the score of Brier 1950.
 *
 * @param forecasts at least one
 * @param binCount equally wide bins
 */
export function calibrationOf(forecasts: readonly Forecast[], binCount = 10): Calibration {
  const sums = Array.from({ length: binCount }, () => ({ count: 0, predicted: 0, observed: 0 }))
  let squares = 0
  for (const { probability, cameTrue } of forecasts) {
    const sum = sums[Math.min(binCount - 1, Math.floor(probability * binCount))]!
    const outcome = cameTrue ? 1 : 0
    sum.count += 1
    sum.predicted += probability
    sum.observed += outcome
    squares += (probability - outcome) ** 2
  }
  return {
    bins: sums.map(({ count, predicted, observed }, index) => ({
      low: index / binCount,
      high: (index + 1) / binCount,
      count,
      predicted: predicted / count,
      observed: observed / count,
    })),
    expectedError:
      sums.reduce((total, { predicted, observed }) => total + Math.abs(predicted - observed), 0) / forecasts.length,
    brierScore: squares / forecasts.length,
  }
}
