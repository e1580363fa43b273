import type { Extrapolate, Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { fromLoss, lossInWords, toLoss } from '../loss.ts'
import { lossAt, rankingSize } from '../persistent/ranking.ts'
import { countBefore, find, insert, remove, type Tree } from '../persistent/tree.ts'
import { reportPruner } from '../report-pruner.ts'
import { type CompletedTrials, noneCompleted, priorOf, withCompleted } from './completed-trials.ts'
import { bestOf, type CurveSketch, emptySketch, withReport } from './curve-sketch.ts'
import { endingOf, expectedEnd, probabilityBelow } from './ending.ts'

export interface ExtrapolateMemory {
  readonly settings: Extrapolate
  readonly metric: Metric
  readonly trials: Tree<CurveSketch>
  readonly completed: CompletedTrials
}

/** What a running trial can still come to. */
export interface Chance {
  /** That it ends no worse than the threshold. */
  readonly probability: number
  /** The loss of the last of the best completed trials. */
  readonly threshold: number
  /** Where its curve is expected to end; Infinity when its last report was not finite. */
  readonly expected: number
  readonly resource: number
  readonly maxResource: number
}

/**
 * Stops a trial when its learning curve, extrapolated to the end, has a chance below `alpha` to end no worse than the last
 * of the `best` completed trials: the predictive termination of Domhan, Springenberg and Hutter 2015 (IJCAI), with the
 * model of curves in ending.ts.
 *
 * - Only completed trials are compared with; until there are `minTrials`, and as many as `best`, nothing stops.
 * - Where a trial's best value stands for it (`metric.summary`), one whose best so far is no worse than the threshold goes
 *   on. A later best is taken to be at the end of the curve.
 * - A trial whose last report is not finite has no chance.
 * - At `maxResource` and beyond there is nothing to extrapolate. Without it, the longest completed trial stands for it.
 * - A trial is kept as a sketch of 32 points, so neither memory nor time grows with the number of its reports.
 */
export const extrapolate = reportPruner<ExtrapolateMemory, Extrapolate>({ name: 'extrapolate', init, remember, judge })

export function init(settings: Extrapolate, metric: Metric): ExtrapolateMemory {
  return { settings, metric, trials: undefined, completed: noneCompleted }
}

export function remember(memory: ExtrapolateMemory, fact: FactBody): ExtrapolateMemory {
  if (fact.kind === 'report') return withValue(memory, fact)
  if (fact.kind === 'attempt-ended' && fact.cause === 'succeeded') return withEnd(memory, fact.trial)
  if (fact.kind === 'trial-ended') return { ...memory, trials: remove(memory.trials, fact.trial) }
  return memory
}

function withValue(memory: ExtrapolateMemory, fact: FactOf<'report'>): ExtrapolateMemory {
  const { settings, metric, trials } = memory
  const before = find(trials, fact.trial) ?? emptySketch
  if (fact.attempt < before.attempt) return memory
  const sketch = withReport(before, fact.attempt, fact.step, toLoss(fact.value, metric), settings.resource)
  return { ...memory, trials: insert(trials, fact.trial, 0, sketch) }
}

function withEnd(memory: ExtrapolateMemory, trial: number): ExtrapolateMemory {
  const sketch = find(memory.trials, trial)
  if (sketch === undefined) return memory
  const end = endLoss(memory, sketch)
  if (!Number.isFinite(end)) return memory
  const { first, step, count } = sketch
  const resource = memory.settings.resource === 'step' ? step : count
  return { ...memory, completed: withCompleted(memory.completed, trial, { first, end, resource }) }
}

/** The loss that would stand for a trial that ended here. */
export function endLoss({ metric }: ExtrapolateMemory, sketch: CurveSketch): number {
  return metric.summary === 'best' ? bestOf(sketch) : sketch.last
}

/** Undefined where there is nothing to compare with, or to extrapolate. */
export function chanceAt(
  { settings, metric, trials, completed }: ExtrapolateMemory,
  trial: number,
): Chance | undefined {
  const sketch = find(trials, trial)
  const { ends, longest } = completed
  const { best, minTrials, maxResource = longest } = settings
  if (sketch === undefined || rankingSize(ends) < Math.max(best, minTrials)) return undefined
  const resource = settings.resource === 'step' ? sketch.step : sketch.count
  const prior = priorOf(completed)
  if (resource < settings.grace || resource >= maxResource || prior === undefined) return undefined

  const threshold = lossAt(ends, best - 1)!
  const chance = { threshold, resource, maxResource }
  if (metric.summary === 'best' && bestOf(sketch) <= threshold) {
    return { ...chance, probability: 1, expected: bestOf(sketch) }
  }
  if (!Number.isFinite(sketch.last)) return { ...chance, probability: 0, expected: sketch.last }
  const points = sketch.points.map(({ reports, resource, loss }) => ({
    share: Math.max(0, resource / reports / maxResource),
    loss: loss / reports,
    reports,
  }))
  const ending = endingOf(points, prior)
  return { ...chance, probability: probabilityBelow(ending, threshold), expected: expectedEnd(ending) }
}

function judge(memory: ExtrapolateMemory, { trial }: FactOf<'report'>): Verdict | undefined {
  const { settings, metric, completed } = memory
  const chance = chanceAt(memory, trial)
  if (chance === undefined || !(chance.probability < settings.alpha)) return undefined
  const { probability, threshold, expected, resource, maxResource } = chance
  const unit = settings.resource === 'step' ? 'step' : 'report'
  const peers = rankingSize(completed.ends)
  const what = Number.isFinite(expected)
    ? `the curve up to ${unit} ${resource} leads to ${lossInWords(expected, metric)} at ${unit} ${maxResource}`
    : `${lossInWords(expected, metric)} at ${unit} ${resource} leads nowhere`
  const place = settings.best === 1 ? 'the best' : `number ${settings.best}`
  return {
    reason: `${what}: the chance to end no worse than ${lossInWords(threshold, metric)}, ${place} of ${peers} completed trials, is ${Number(probability.toPrecision(2))}, below ${settings.alpha}`,
    resource,
    value: fromLoss(expected, metric),
    threshold: fromLoss(threshold, metric),
    rank: countBefore(completed.ends.order, expected) + 1,
    peers,
  }
}
