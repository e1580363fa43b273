import type { Metric, WandbHyperband } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf } from '@sweep/spec/facts'
import { isLive, type LiveAttempts, withLiveness } from '../live-attempts.ts'
import { fromLoss, lossInWords, toLoss } from '../loss.ts'
import { emptyRanking, lossAt, type Ranking, rankingSize, withoutTrial, withTrial } from '../persistent/ranking.ts'
import { countBefore, entries, find, insert, remove, type Tree } from '../persistent/tree.ts'
import type { PruneDecision, Pruner } from '../pruner.ts'
import { emptyHistory, keptLength, type TrialHistory, withReport } from '../trial-history.ts'
import { bands } from './bands.ts'

interface BandTrial {
  /** Finite values only: W&B counts no others. */
  readonly history: TrialHistory
  readonly best: number
  /** Index of the closest band at or below the number of values; -1 before the first. */
  readonly band: number
}

export interface WandbHyperbandState {
  readonly settings: WandbHyperband
  readonly metric: Metric
  readonly bands: readonly number[]
  readonly trials: Tree<BandTrial>
  /** By index of the band: value number `band` of every trial that has so many. */
  readonly recorded: Tree<Ranking>
  /** By index of the band: the live trials whose closest band it is, keyed (loss tested, trial), value the attempt. */
  readonly tested: Tree<Tree<number>>
  readonly live: LiveAttempts
}

/**
 * `early_terminate: {type: hyperband}` as W&B's engine does it (wandb/sweeps, hyperband_stopping.py).
 *
 * A running trial is tested at the closest band it has passed, again each time thresholds move: its value there
 * (`strict`), or its best so far, must not be greater than the threshold, which is entry trunc(1/eta * n) of the n sorted
 * values at that band. Live trials are kept sorted by the loss tested, so those past a threshold are a run at the end.
 *
 * W&B has no attempts; here a retried trial keeps the values from before the step at which the newest attempt took up,
 * and is tested again once that attempt has reported.
 */
export const wandbHyperband: Pruner<WandbHyperbandState, WandbHyperband> = {
  name: 'hyperband',

  init: (settings, metric) => ({
    settings,
    metric,
    bands: bands(settings),
    trials: undefined,
    recorded: undefined,
    tested: undefined,
    live: undefined,
  }),

  tell(state, fact) {
    return fact.kind === 'report' ? withValue(state, fact) : withAttempt(state, fact)
  },

  decide(state) {
    const decisions: PruneDecision[] = []
    for (const { a: band, value: tested } of entries(state.tested)) {
      const ranking = find(state.recorded, band)!
      const place = Math.trunc((1 / state.settings.eta) * rankingSize(ranking))
      const threshold = lossAt(ranking, place)!
      const firstBeyond = countBefore(tested, threshold, Number.POSITIVE_INFINITY)
      for (const { a: loss, b: trial, value: attempt } of entries(tested, firstBeyond)) {
        decisions.push({ kind: 'prune', trial, attempt, verdict: verdictOf(state, band, ranking, threshold, loss) })
      }
    }
    return decisions.sort((a, b) => a.trial - b.trial)
  },
}

function verdictOf(state: WandbHyperbandState, band: number, ranking: Ranking, threshold: number, loss: number) {
  const { metric, bands, settings } = state
  const value = lossInWords(loss, metric)
  const peers = rankingSize(ranking)
  const what = settings.strict ? `${value} was` : `the best so far, ${value}, is`
  return {
    reason: `${what} worse than ${lossInWords(threshold, metric)}, the threshold of ${peers} trials at value number ${bands[band]}`,
    rung: band,
    resource: bands[band]!,
    value: fromLoss(loss, metric),
    threshold: fromLoss(threshold, metric),
    rank: countBefore(ranking.order, loss) + 1,
    peers,
  }
}

function withAttempt(state: WandbHyperbandState, fact: FactBody): WandbHyperbandState {
  const live = withLiveness(state.live, fact)
  if (live === state.live || !('trial' in fact)) return state
  const trial = find(state.trials, fact.trial)
  return { ...state, live, tested: trial === undefined ? state.tested : withoutTest(state, fact.trial, trial) }
}

function withValue(state: WandbHyperbandState, fact: FactOf<'report'>): WandbHyperbandState {
  const loss = toLoss(fact.value, state.metric)
  const before = find(state.trials, fact.trial) ?? { history: emptyHistory, best: Number.POSITIVE_INFINITY, band: -1 }
  if (!Number.isFinite(loss) || fact.attempt < before.history.attempt) return state
  const { trial: kept, recorded } = cutBack(state, fact, before)

  const history = withReport(kept.history, fact.attempt, fact.step, loss)
  const isNewBand = state.bands[kept.band + 1] === history.length
  const band = isNewBand ? kept.band + 1 : kept.band
  const trial = { history, best: Math.min(kept.best, loss), band }
  const next = {
    ...state,
    trials: insert(state.trials, fact.trial, 0, trial),
    recorded: isNewBand
      ? insert(recorded, band, 0, withTrial(find(recorded, band) ?? emptyRanking, fact.trial, loss))
      : recorded,
    tested: withoutTest(state, fact.trial, before),
  }
  if (band < 0 || !isLive(state.live, fact.trial, fact.attempt)) return next
  const tests = insert(find(next.tested, band), testedLoss(state, trial), fact.trial, fact.attempt)
  return { ...next, tested: insert(next.tested, band, 0, tests) }
}

function testedLoss({ settings, bands }: WandbHyperbandState, { history, band, best }: BandTrial): number {
  return settings.strict ? history.losses[bands[band]! - 1]! : best
}

function withoutTest(state: WandbHyperbandState, number: number, trial: BandTrial): Tree<Tree<number>> {
  const tests = find(state.tested, trial.band)
  if (tests === undefined) return state.tested
  const left = remove(tests, testedLoss(state, trial), number)
  return left === undefined ? remove(state.tested, trial.band) : insert(state.tested, trial.band, 0, left)
}

/** Takes back what older attempts recorded at or past the step at which a newer one took up. */
function cutBack(state: WandbHyperbandState, fact: FactOf<'report'>, trial: BandTrial) {
  const length = keptLength(trial.history, fact.attempt, fact.step)
  if (length === trial.history.length) return { trial, recorded: state.recorded }
  let { recorded } = state
  let { band } = trial
  for (; band >= 0 && state.bands[band]! > length; band -= 1) {
    recorded = insert(recorded, band, 0, withoutTrial(find(recorded, band)!, fact.trial))
  }
  const losses = trial.history.losses.slice(0, length)
  const best = losses.reduce((least, loss) => Math.min(least, loss), Number.POSITIVE_INFINITY)
  return { trial: { history: { ...trial.history, length }, best, band }, recorded }
}
