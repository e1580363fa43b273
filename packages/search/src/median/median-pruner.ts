import type { Median, Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { isLive, type LiveAttempts, withLiveness } from '../live-attempts.ts'
import { fromLoss, lossInWords, toLoss } from '../loss.ts'
import { emptyRanking, lossAt, type Ranking, rankingSize, withoutTrial, withTrial } from '../persistent/ranking.ts'
import { countBefore, entries, find, insert, remove, type Tree } from '../persistent/tree.ts'
import type { PruneDecision, Pruner } from '../pruner.ts'
import { emptyHistory, keptLength, type TrialHistory, withReport } from '../trial-history.ts'

interface MedianTrial {
  readonly history: TrialHistory
  readonly best: number
  /** Sum and number of the finite losses. */
  readonly sum: number
  readonly finite: number
}

export interface MedianState {
  readonly settings: Median
  readonly metric: Metric
  readonly trials: Tree<MedianTrial>
  /** By step (or number of reports): the running averages of the trials that reported there. */
  readonly averages: Tree<Ranking>
  readonly live: LiveAttempts
  readonly pending: Tree<PruneDecision>
}

/**
 * The median stopping rule of Golovin et al. 2017, "Google Vizier" (KDD), section 3.2.2: a trial stops at a step when its
 * best loss so far is strictly worse than the median of the running averages, up to that step, of the other trials.
 *
 * - The others are all that reported at that very step, not only completed ones as in the paper, which would prune nothing
 *   in the first round. Trials whose steps never meet are comparable by `resource: reports`.
 * - The verdict falls when the report is folded, so it does not depend on how often `decide` is called.
 * - An average is over finite losses; a trial whose report at the step is not finite counts as worst there.
 * - Of an even number, the median is the mean of the two in the middle.
 * - A retried trial keeps what came before the step it took up at; from there on the newest attempt replaces the older.
 */
export const median: Pruner<MedianState, Median> = {
  name: 'median',

  init: (settings, metric) => ({
    settings,
    metric,
    trials: undefined,
    averages: undefined,
    live: undefined,
    pending: undefined,
  }),

  tell(state, fact) {
    return fact.kind === 'report' ? withValue(state, fact) : withAttempt(state, fact)
  },

  decide: ({ pending }) => Array.from(entries(pending), ({ value }) => value),
}

function withAttempt(state: MedianState, fact: FactBody): MedianState {
  const live = withLiveness(state.live, fact)
  if (live === state.live || !('trial' in fact)) return state
  return { ...state, live, pending: remove(state.pending, fact.trial) }
}

const noReports: MedianTrial = { history: emptyHistory, best: Number.POSITIVE_INFINITY, sum: 0, finite: 0 }

function withValue(state: MedianState, fact: FactOf<'report'>): MedianState {
  const { settings, metric } = state
  const before = find(state.trials, fact.trial) ?? noReports
  if (fact.attempt < before.history.attempt) return state
  const { trial: kept, averages } = cutBack(state, fact, before)

  const loss = toLoss(fact.value, metric)
  const trial = added(kept, fact.attempt, fact.step, loss)
  const resource = settings.resource === 'step' ? fact.step : trial.history.length
  const others = withoutTrial(find(averages, resource) ?? emptyRanking, fact.trial)
  const next = {
    ...state,
    trials: insert(state.trials, fact.trial, 0, trial),
    averages: insert(averages, resource, 0, withTrial(others, fact.trial, averageAt(trial, loss))),
  }
  if (resource < settings.grace || rankingSize(others) < settings.minTrials) return next
  if (!isLive(state.live, fact.trial, fact.attempt)) return next

  const tested = Number.isFinite(loss) ? trial.best : loss
  const threshold = medianOf(others)
  if (!(tested > threshold)) return next
  const verdict = verdictOf(state, others, resource, tested, threshold)
  const decision: PruneDecision = { kind: 'prune', trial: fact.trial, attempt: fact.attempt, verdict }
  return { ...next, pending: insert(next.pending, fact.trial, 0, decision) }
}

function added(trial: MedianTrial, attempt: number, step: number, loss: number): MedianTrial {
  const counts = Number.isFinite(loss)
  return {
    history: withReport(trial.history, attempt, step, loss),
    best: Math.min(trial.best, loss),
    sum: trial.sum + (counts ? loss : 0),
    finite: trial.finite + (counts ? 1 : 0),
  }
}

function averageAt({ sum, finite }: MedianTrial, loss: number): number {
  return Number.isFinite(loss) ? sum / finite : Number.POSITIVE_INFINITY
}

function medianOf(ranking: Ranking): number {
  const size = rankingSize(ranking)
  const upper = lossAt(ranking, Math.floor(size / 2))!
  return size % 2 === 1 ? upper : (lossAt(ranking, size / 2 - 1)! + upper) / 2
}

function verdictOf(state: MedianState, others: Ranking, resource: number, tested: number, threshold: number): Verdict {
  const { metric, settings } = state
  const peers = rankingSize(others)
  const what = Number.isFinite(tested)
    ? `the best so far, ${lossInWords(tested, metric)},`
    : lossInWords(tested, metric)
  const where = `${settings.resource === 'step' ? 'step' : 'report'} ${resource}`
  return {
    reason: `${what} is worse than ${lossInWords(threshold, metric)}, the median of the running averages of ${peers} ${peers === 1 ? 'other' : 'others'} at ${where}`,
    resource,
    value: fromLoss(tested, metric),
    threshold: fromLoss(threshold, metric),
    rank: countBefore(others.order, tested) + 1,
    peers,
  }
}

/** Takes back what older attempts reported at or past the step at which a newer one took up. */
function cutBack(state: MedianState, fact: FactOf<'report'>, trial: MedianTrial) {
  const length = keptLength(trial.history, fact.attempt, fact.step)
  const { history } = trial
  if (length === history.length) return { trial, averages: state.averages }
  let { averages } = state
  const resourceOf = (entry: number) => (state.settings.resource === 'step' ? history.steps[entry]! : entry + 1)
  for (let entry = 0; entry < history.length; entry += 1) {
    const ranking = find(averages, resourceOf(entry)) ?? emptyRanking
    averages = insert(averages, resourceOf(entry), 0, withoutTrial(ranking, fact.trial))
  }
  // A step may have been reported more than once, so what stays is entered anew.
  let kept = noReports
  for (let entry = 0; entry < length; entry += 1) {
    const loss = history.losses[entry]!
    kept = added(kept, history.attempt, history.steps[entry]!, loss)
    const ranking = find(averages, resourceOf(entry)) ?? emptyRanking
    averages = insert(averages, resourceOf(entry), 0, withTrial(ranking, fact.trial, averageAt(kept, loss)))
  }
  return { trial: kept, averages }
}
