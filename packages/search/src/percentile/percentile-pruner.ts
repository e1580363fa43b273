import type { Metric, Percentile } from '@sweep/spec/document/sweep-document'
import type { FactOf, Verdict } from '@sweep/spec/facts'
import { fromLoss, lossInWords, toLoss } from '../loss.ts'
import { emptyRanking, type Ranking, rankingSize, withoutTrial, withTrial } from '../persistent/ranking.ts'
import { countBefore, find, insert, type Tree } from '../persistent/tree.ts'
import { type ReportRule, reportPruner } from '../report-pruner.ts'
import { emptyHistory, keptLength, type TrialHistory, withReport } from '../trial-history.ts'
import { lossAtPercentile } from './loss-at-percentile.ts'

interface AveragedTrial {
  readonly history: TrialHistory
  readonly best: number
  /** Sum and number of the finite losses. */
  readonly sum: number
  readonly finite: number
}

interface PercentileMemory {
  readonly settings: Percentile
  readonly metric: Metric
  readonly trials: Tree<AveragedTrial>
  /** By step (or number of reports): the running averages of the trials that reported there. */
  readonly averages: Tree<Ranking>
}

/**
 * A trial stops at a step when its best loss so far is strictly worse than a percentile of the running averages, up to
 * that step, of the other trials: with 25, it has to be among the best quarter. At 50 this is the median stopping rule of
 * Golovin et al. 2017, "Google Vizier" (KDD), section 3.2.2.
 *
 * - The others are all that reported at that very step, not only completed ones as in the paper, which would prune nothing
 *   in the first round. Trials whose steps never meet are comparable by `resource: reports`.
 * - An average is over finite losses; a trial whose report at the step is not finite counts as worst there. Optuna's
 *   PercentilePruner compares with the values at the step instead, which noise moves more.
 * - Between two of the others, the percentile is interpolated; of an even number, the median is the mean of the middle two.
 * - A retried trial keeps what came before the step it took up at; from there on the newest attempt replaces the older.
 *
 * @param percentileOf 0 to 100
 */
export function percentileRule<Settings extends Omit<Percentile, 'type' | 'percentile'>>(
  name: string,
  percentileOf: (settings: Settings) => number,
): ReportRule<PercentileMemory, Settings> {
  return {
    name,
    init: (settings, metric) => ({
      settings: { ...settings, type: 'percentile', percentile: percentileOf(settings) },
      metric,
      trials: undefined,
      averages: undefined,
    }),
    remember: (memory, fact) => (fact.kind === 'report' ? withValue(memory, fact) : memory),
    judge,
  }
}

export const percentile = reportPruner(percentileRule<Percentile>('percentile', (settings) => settings.percentile))

const noReports: AveragedTrial = { history: emptyHistory, best: Number.POSITIVE_INFINITY, sum: 0, finite: 0 }

function withValue(memory: PercentileMemory, fact: FactOf<'report'>): PercentileMemory {
  const before = find(memory.trials, fact.trial) ?? noReports
  if (fact.attempt < before.history.attempt) return memory
  const { trial: kept, averages } = cutBack(memory, fact, before)
  const trial = added(kept, fact.attempt, fact.step, toLoss(fact.value, memory.metric))
  return {
    ...memory,
    trials: insert(memory.trials, fact.trial, 0, trial),
    averages: withAverage(memory, averages, fact.trial, trial),
  }
}

function judge({ settings, metric, trials, averages }: PercentileMemory, fact: FactOf<'report'>): Verdict | undefined {
  const trial = find(trials, fact.trial)!
  const resource = settings.resource === 'step' ? fact.step : trial.history.length
  const others = withoutTrial(find(averages, resource)!, fact.trial)
  const peers = rankingSize(others)
  if (resource < settings.grace || peers < settings.minTrials) return undefined

  const loss = toLoss(fact.value, metric)
  const tested = Number.isFinite(loss) ? trial.best : loss
  const threshold = lossAtPercentile(others, settings.percentile)
  if (!(tested > threshold)) return undefined
  const value = lossInWords(tested, metric)
  const what = Number.isFinite(tested) ? `the best so far, ${value},` : value
  const point = settings.percentile === 50 ? 'the median' : `percentile ${settings.percentile}`
  const where = `${settings.resource === 'step' ? 'step' : 'report'} ${resource}`
  return {
    reason: `${what} is worse than ${lossInWords(threshold, metric)}, ${point} of the running averages of ${peers} ${peers === 1 ? 'other' : 'others'} at ${where}`,
    resource,
    value: fromLoss(tested, metric),
    threshold: fromLoss(threshold, metric),
    rank: countBefore(others.order, tested) + 1,
    peers,
  }
}

function added(trial: AveragedTrial, attempt: number, step: number, loss: number): AveragedTrial {
  const counts = Number.isFinite(loss)
  return {
    history: withReport(trial.history, attempt, step, loss),
    best: Math.min(trial.best, loss),
    sum: trial.sum + (counts ? loss : 0),
    finite: trial.finite + (counts ? 1 : 0),
  }
}

/** Enters the average of a trial up to its last report at the place of that report. */
function withAverage(
  { settings }: PercentileMemory,
  averages: Tree<Ranking>,
  number: number,
  { history, sum, finite }: AveragedTrial,
): Tree<Ranking> {
  const last = history.length - 1
  const resource = resourceOf(settings, history, last)
  const average = Number.isFinite(history.losses[last]!) ? sum / finite : Number.POSITIVE_INFINITY
  return insert(averages, resource, 0, withTrial(find(averages, resource) ?? emptyRanking, number, average))
}

function resourceOf({ resource }: Percentile, { steps }: TrialHistory, entry: number): number {
  return resource === 'step' ? steps[entry]! : entry + 1
}

/** Takes back what older attempts reported at or past the step at which a newer one took up. */
function cutBack(memory: PercentileMemory, fact: FactOf<'report'>, trial: AveragedTrial) {
  const { history } = trial
  const length = keptLength(history, fact.attempt, fact.step)
  let { averages } = memory
  if (length === history.length) return { trial, averages }
  for (let entry = 0; entry < history.length; entry += 1) {
    const resource = resourceOf(memory.settings, history, entry)
    averages = insert(averages, resource, 0, withoutTrial(find(averages, resource)!, fact.trial))
  }
  // A step may have been reported more than once, so what stays is entered anew.
  let kept = noReports
  for (let entry = 0; entry < length; entry += 1) {
    kept = added(kept, history.attempt, history.steps[entry]!, history.losses[entry]!)
    averages = withAverage(memory, averages, fact.trial, kept)
  }
  return { trial: kept, averages }
}
