import type { Asha, Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf } from '@sweep/spec/facts'
import { isLive, type LiveAttempts, withLiveness } from '../live-attempts.ts'
import { fromLoss, toLoss } from '../loss.ts'
import { entries, find, insert, remove, type Tree } from '../persistent/tree.ts'
import { advanced, noProgress, type Progress, resourceOf, standingLoss, takenUp } from '../progress.ts'
import type { PruneDecision, Pruner } from '../pruner.ts'
import { lossesAt, type SideLosses, withSide } from '../side-losses.ts'
import { bracketOf, type Rung, rungAt } from './brackets.ts'
import {
  emptyRung,
  type RungRanking,
  rankAtRung,
  rungSize,
  shownInWords,
  thresholdAt,
  withLosses,
  withoutLosses,
} from './rung-ranking.ts'
import { placeInWords, standingInWords } from './rung-words.ts'

/** What the document says, with all objectives where there are several. */
export interface AshaSettings extends Asha {
  readonly objectives?: readonly Metric[] | undefined
}

interface AshaTrial {
  readonly bracket: number
  readonly progress: Progress
  /** The rungs it was compared at, and which entry of the history stood for it there. */
  readonly compared: readonly { readonly rung: number; readonly entry: number }[]
}

export interface AshaState {
  readonly settings: AshaSettings
  readonly metric: Metric
  readonly trials: Tree<AshaTrial>
  /** Keys (bracket, rung). */
  readonly rungs: Tree<RungRanking>
  readonly sides: SideLosses
  readonly live: LiveAttempts
  /** Decisions that nobody has carried out yet, by trial. */
  readonly pending: Tree<PruneDecision>
}

/**
 * ASHA in its stopping form: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (arXiv 1810.05934),
 * where a trial that does not reach the best 1/eta of a rung is stopped instead of waiting to be promoted.
 *
 * - A trial is compared at the first report at or past a rung, once, with all that were recorded there until then, and
 *   goes on when it is among the best max(1, floor(n / eta)) of those n, itself included. So the first to come goes on
 *   (the paper's floor alone would stop the first eta - 1 whatever their values), and the second only if it is better.
 * - The verdict falls when the report is folded, so it does not depend on how often `decide` is called.
 * - The loss compared is the best so far when the trial's value is its best (`metric.summary`), the last otherwise. A
 *   report that is not finite is worst there, and never among the best.
 * - With several objectives the best are those of the lowest non-dominated rank, within one those with most room around
 *   them; objectives after the first count as they were last reported.
 * - Rungs that a report jumps over are not recorded: its value took more resource than those it would be compared with.
 * - Rungs below `grace` and at `maxResource` compare nothing. Ties go to the lower trial number.
 * - A retried trial keeps what came before the step it took up at; from there on the newest attempt replaces the older.
 */
export const asha: Pruner<AshaState, AshaSettings> = {
  name: 'asha',

  init: (settings, metric) => ({
    settings,
    metric,
    trials: undefined,
    rungs: undefined,
    sides: undefined,
    live: undefined,
    pending: undefined,
  }),

  tell(state, fact) {
    switch (fact.kind) {
      case 'side-report':
        return { ...state, sides: withSide(state.sides, fact, state.settings.objectives ?? []) }
      case 'report':
        return withValue(state, fact)
      default:
        return withAttempt(state, fact)
    }
  },

  decide: ({ pending }) => Array.from(entries(pending), ({ value }) => value),
}

function withAttempt(state: AshaState, fact: FactBody): AshaState {
  const live = withLiveness(state.live, fact)
  if (live === state.live || !('trial' in fact)) return state
  return { ...state, live, pending: remove(state.pending, fact.trial) }
}

function withValue(state: AshaState, fact: FactOf<'report'>): AshaState {
  const { settings, metric } = state
  const before = find(state.trials, fact.trial) ?? newTrial(fact.trial, settings)
  if (fact.attempt < before.progress.history.attempt) return state
  const kept = takenUp(before.progress, fact, settings.resource)
  const rungs = kept === before.progress ? state.rungs : cutBack(state, fact.trial, before, kept)
  const compared = before.compared.filter(({ entry }) => entry < kept.history.length)

  const loss = toLoss(fact.value, metric)
  const progress = advanced(kept, fact, loss, settings.resource)
  const resource = resourceOf(progress, fact, settings.resource)
  const rung = rungAt(resource, before.bracket, settings)
  const isNew = rung !== undefined && rung.resource > kept.reached && rung.resource >= settings.grace
  const trial: AshaTrial = {
    bracket: before.bracket,
    progress,
    compared: isNew ? [...compared, { rung: rung.index, entry: progress.history.length - 1 }] : compared,
  }
  const next = { ...state, rungs, trials: insert(state.trials, fact.trial, 0, trial) }
  if (!isNew || isOver(resource, settings)) return next
  return compare(next, fact, trial, rung, standingLoss(progress, loss, metric))
}

function newTrial(trial: number, settings: AshaSettings): AshaTrial {
  return { bracket: bracketOf(trial, settings), progress: noProgress, compared: [] }
}

function isOver(resource: number, { maxResource }: AshaSettings): boolean {
  return maxResource !== undefined && resource >= maxResource
}

/** The rungs without what older attempts recorded at or past the step at which a newer one took up. */
function cutBack(state: AshaState, number: number, trial: AshaTrial, kept: Progress): Tree<RungRanking> {
  let rungs = state.rungs
  for (const { rung, entry } of trial.compared) {
    const ranking = find(rungs, trial.bracket, rung)
    if (entry >= kept.history.length && ranking) {
      rungs = insert(rungs, trial.bracket, rung, withoutLosses(ranking, number))
    }
  }
  return rungs
}

function compare(state: AshaState, fact: FactOf<'report'>, trial: AshaTrial, rung: Rung, loss: number): AshaState {
  const { settings, metric } = state
  const losses = lossesAt(state.sides, fact.trial, loss, settings.objectives ?? [metric])
  const ranking = withLosses(find(state.rungs, trial.bracket, rung.index) ?? emptyRung, fact.trial, losses)
  const next = { ...state, rungs: insert(state.rungs, trial.bracket, rung.index, ranking) }
  const peers = rungSize(ranking)
  const places = Math.max(1, Math.floor(peers / settings.reductionFactor))
  const rank = rankAtRung(ranking, fact.trial)
  const isMeasured = losses.every(Number.isFinite)
  if ((rank <= places && isMeasured) || !isLive(state.live, fact.trial, fact.attempt)) return next

  // What is not finite is outside, also where nobody else is there.
  const standing = standingInWords(isMeasured ? rank : Number.POSITIVE_INFINITY, places)
  const where = placeInWords(settings.resource, rung.resource)
  const threshold = thresholdAt(ranking, places, metric)
  const verdict = {
    reason: `${shownInWords(ranking, fact.trial, metric)} is ${standing} of ${peers} at ${where}`,
    rung: rung.index,
    bracket: trial.bracket,
    resource: rung.resource,
    value: fromLoss(loss, metric),
    ...(threshold !== undefined && { threshold }),
    rank,
    peers,
  }
  const decision: PruneDecision = { kind: 'prune', trial: fact.trial, attempt: fact.attempt, verdict }
  return { ...next, pending: insert(next.pending, fact.trial, 0, decision) }
}
