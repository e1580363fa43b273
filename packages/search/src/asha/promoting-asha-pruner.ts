import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { type LiveAttempts, withLiveness } from '../live-attempts.ts'
import { fromLoss, toLoss } from '../loss.ts'
import { type PausedAttempts, withPauses } from '../paused-attempts.ts'
import { type Entry, entries, find, insert, remove, type Tree } from '../persistent/tree.ts'
import { advanced, noProgress, type Progress, resourceOf, standingLoss, takenUp } from '../progress.ts'
import type { Decision, Pruner } from '../pruner.ts'
import { lossesAt, type SideLosses, withSide } from '../side-losses.ts'
import type { AshaSettings } from './asha-pruner.ts'
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

interface ClimbingTrial {
  readonly bracket: number
  readonly progress: Progress
  /** The highest rung it was recorded at, and the losses that stand for it there; absent below the first. */
  readonly top: { readonly rung: Rung; readonly losses: readonly number[] } | undefined
  /** It may go on from there; until then it is held. */
  readonly isPromoted: boolean
}

interface RungState {
  readonly ranking: RungRanking
  /** Paused trials whose top rung it is, keyed (first loss, trial); the value is the attempt. */
  readonly waiting: Tree<number>
}

export interface PromotingAshaState {
  readonly settings: AshaSettings
  readonly metric: Metric
  readonly noMoreTrials: boolean
  readonly trials: Tree<ClimbingTrial>
  /** Keys (minus how often the lowest resource was multiplied, bracket): the highest resource first. */
  readonly rungs: Tree<RungState>
  readonly sides: SideLosses
  readonly live: LiveAttempts
  readonly paused: PausedAttempts
  /** What running trials are asked and nobody has carried out yet, by trial. */
  readonly pending: Tree<Decision>
}

/**
 * ASHA as it was published: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (arXiv 1810.05934),
 * section 3 and Algorithm 2. A trial that reaches a rung is paused there unless it is promotable; a free slot goes to the
 * best promotable trial of the highest rung, and to a new config when there is none.
 *
 * - Promotable is who is among the best floor(n / eta) of the n that have come to the rung so far and was not promoted from
 *   it. As in the paper this is looked at anew with every arrival, so over time a few more than n / eta are promoted.
 * - A trial that is promotable when it arrives just runs on, which counts as its promotion; the paper's workers would take
 *   it up again at once.
 * - Once no more trials come, the best of a rung goes on also where fewer than eta came, so that a sweep that has too few
 *   trials for its rungs still ends with one full training. The paper's sampler never runs dry.
 * - The loss compared is the best so far when the trial's value is its best (`metric.summary`), the last otherwise. One
 *   that is not finite counts as worst, and its trial, which can never be promoted, is pruned instead of paused.
 * - Rungs that a report jumps over are not recorded, and none at or past `maxResource` or below `grace`. Without a
 *   `maxResource` there is always a further rung.
 * - A trial that runs again keeps the rungs it went on from, so that one without a checkpoint isn't paused at them a second
 *   time; its newest values there replace the older ones.
 * - With several objectives the best are those of the lowest non-dominated rank, within one those with most room around
 *   them; objectives after the first count as they were last reported.
 * - Ties go to the lower trial number. A trial that a person takes up again goes on from its rung as if promoted.
 */
export const promotingAsha: Pruner<PromotingAshaState, AshaSettings> = {
  name: 'asha',

  init: (settings, metric) => ({
    settings,
    metric,
    noMoreTrials: false,
    trials: undefined,
    rungs: undefined,
    sides: undefined,
    live: undefined,
    paused: undefined,
    pending: undefined,
  }),

  tell(state, fact) {
    switch (fact.kind) {
      case 'side-report':
        return { ...state, sides: withSide(state.sides, fact, state.settings.objectives ?? []) }
      case 'report':
        return withValue(state, fact)
      case 'no-more-trials':
        return { ...state, noMoreTrials: true }
      case 'trial-created':
        return state.noMoreTrials ? { ...state, noMoreTrials: false } : state
      default:
        return withAttempt(state, fact)
    }
  },

  decide(state) {
    const decisions = Array.from(entries(state.pending), ({ value }) => value)
    for (const { value: rung } of entries(state.rungs)) {
      for (const { b: trial, value: attempt } of waitingInOrder(rung)) {
        if (!isPromotable(state, rung, trial)) break
        const verdict = verdictOf(state, trial, find(state.trials, trial)!)
        decisions.push({ kind: 'resume', trial, attempt, verdict })
      }
    }
    return decisions
  },
}

function withAttempt(before: PromotingAshaState, fact: FactBody): PromotingAshaState {
  if (!('trial' in fact)) return before
  const isLost = fact.kind === 'trial-ended' && (fact.state === 'failed' || fact.state === 'cancelled')
  const state = isLost ? withoutPlaces(before, fact.trial) : before
  const live = withLiveness(state.live, fact)
  const paused = withPauses(state.paused, fact)
  const goesOn = fact.kind === 'trial-resumed' || fact.kind === 'trial-requeued'
  if (live === state.live && paused === state.paused && !goesOn) return state
  const next = { ...state, live, paused }
  const trial = find(state.trials, fact.trial)
  if (trial?.top === undefined) return next
  return settled(next, fact.trial, goesOn ? { ...trial, isPromoted: true } : trial)
}

/** A trial that failed or was called off takes no place from those that could still go on. */
function withoutPlaces(before: PromotingAshaState, number: number): PromotingAshaState {
  const trial = find(before.trials, number)
  if (trial?.top === undefined) return before
  const { bracket, top } = trial
  let state = before
  for (let { index } = top.rung; index >= 0; index -= 1) {
    const { ranking, waiting } = rungOf(state, bracket, { index })
    state = withRung(
      state,
      bracket,
      { index },
      {
        ranking: withoutLosses(ranking, number),
        waiting: remove(waiting, top.losses[0]!, number),
      },
    )
  }
  return { ...state, trials: insert(state.trials, number, 0, { ...trial, top: undefined, isPromoted: false }) }
}

function withValue(state: PromotingAshaState, fact: FactOf<'report'>): PromotingAshaState {
  const { settings, metric } = state
  const before = find(state.trials, fact.trial) ?? newTrial(fact.trial, settings)
  if (fact.attempt < before.progress.history.attempt) return state
  const loss = toLoss(fact.value, metric)
  const kept = takenUp(before.progress, fact, settings.resource)
  const progress = advanced(kept, fact, loss, settings.resource)
  const trial = { ...before, progress }
  const resource = resourceOf(progress, fact, settings.resource)
  const rung = rungAt(resource, trial.bracket, settings)
  const isOver = settings.maxResource !== undefined && resource >= settings.maxResource
  if (rung === undefined || rung.resource <= kept.reached || rung.resource < settings.grace || isOver) {
    return { ...state, trials: insert(state.trials, fact.trial, 0, trial) }
  }
  const standing = standingLoss(progress, loss, metric)
  const losses = lossesAt(state.sides, fact.trial, standing, settings.objectives ?? [metric])
  return arrived(state, fact.trial, trial, rung, losses)
}

function newTrial(trial: number, settings: AshaSettings): ClimbingTrial {
  return { bracket: bracketOf(trial, settings), progress: noProgress, top: undefined, isPromoted: false }
}

/** Records a trial at a rung, for the first time or once more. */
function arrived(
  state: PromotingAshaState,
  number: number,
  trial: ClimbingTrial,
  rung: Rung,
  losses: readonly number[],
): PromotingAshaState {
  const before = rungOf(state, trial.bracket, rung)
  const next = withRung(state, trial.bracket, rung, { ...before, ranking: withLosses(before.ranking, number, losses) })
  const highest = trial.top?.rung.index ?? -1
  if (rung.index < highest) return { ...next, trials: insert(next.trials, number, 0, trial) }
  const isPromoted = rung.index === highest && trial.isPromoted
  return settled(next, number, { ...trial, top: { rung, losses }, isPromoted })
}

/** Stores a trial, with what is asked of it and offered to it as it stands now. */
function settled(state: PromotingAshaState, number: number, trial: ClimbingTrial): PromotingAshaState {
  const attempt = find(state.live, number)
  const stands = attempt === undefined ? trial : promotedAtOnce(state, number, trial)
  let next: PromotingAshaState = { ...state, trials: insert(state.trials, number, 0, stands) }
  const before = find(state.trials, number)
  if (before?.top !== undefined) {
    const { rung, losses } = before.top
    const left = rungOf(next, before.bracket, rung)
    next = withRung(next, before.bracket, rung, { ...left, waiting: remove(left.waiting, losses[0]!, number) })
  }
  const { top } = stands
  if (top === undefined || stands.isPromoted) return { ...next, pending: remove(next.pending, number) }
  const isHopeless = !top.losses.every(Number.isFinite)
  if (attempt !== undefined) {
    const kind = isHopeless ? 'prune' : 'pause'
    const decision: Decision = { kind, trial: number, attempt, verdict: verdictOf(next, number, stands) }
    return { ...next, pending: insert(next.pending, number, 0, decision) }
  }
  next = { ...next, pending: remove(next.pending, number) }
  const paused = find(state.paused, number)
  if (paused === undefined || isHopeless) return next
  const entered = rungOf(next, stands.bracket, top.rung)
  const waiting = insert(entered.waiting, top.losses[0]!, number, paused)
  return withRung(next, stands.bracket, top.rung, { ...entered, waiting })
}

/** A running trial that is promotable needs no pause. */
function promotedAtOnce(state: PromotingAshaState, number: number, trial: ClimbingTrial): ClimbingTrial {
  const { top, isPromoted, bracket } = trial
  if (top === undefined || isPromoted || !top.losses.every(Number.isFinite)) return trial
  return isPromotable(state, rungOf(state, bracket, top.rung), number) ? { ...trial, isPromoted: true } : trial
}

function isPromotable(state: PromotingAshaState, { ranking }: RungState, trial: number): boolean {
  return rankAtRung(ranking, trial) <= placesIn(state, ranking)
}

/** As they are ranked; the loss of one objective is what they are kept by. */
function waitingInOrder({ ranking, waiting }: RungState): Iterable<Entry<number>> {
  if (ranking.vectors === undefined) return entries(waiting)
  return [...entries(waiting)].sort((a, b) => rankAtRung(ranking, a.b) - rankAtRung(ranking, b.b))
}

function placesIn({ settings, noMoreTrials }: PromotingAshaState, ranking: RungRanking): number {
  return Math.max(noMoreTrials ? 1 : 0, Math.floor(rungSize(ranking) / settings.reductionFactor))
}

function rungOf({ rungs }: PromotingAshaState, bracket: number, { index }: Pick<Rung, 'index'>): RungState {
  return find(rungs, -(bracket + index), bracket) ?? { ranking: emptyRung, waiting: undefined }
}

function withRung(
  state: PromotingAshaState,
  bracket: number,
  { index }: Pick<Rung, 'index'>,
  to: RungState,
): PromotingAshaState {
  return { ...state, rungs: insert(state.rungs, -(bracket + index), bracket, to) }
}

function verdictOf(state: PromotingAshaState, number: number, { bracket, top }: ClimbingTrial): Verdict {
  const { metric, settings } = state
  const { rung, losses } = top!
  const { ranking } = rungOf(state, bracket, rung)
  const peers = rungSize(ranking)
  const rank = rankAtRung(ranking, number)
  const places = placesIn(state, ranking)
  const value = shownInWords(ranking, number, metric)
  const threshold = places === 0 ? undefined : thresholdAt(ranking, places, metric)
  const where = placeInWords(settings.resource, rung.resource)
  const standing = standingInWords(rank, places)
  return {
    reason:
      places === 0
        ? `${value} waits at ${where} for others: one in ${settings.reductionFactor} is promoted, ${peers} came so far`
        : `${value} is ${standing} of ${peers} at ${where}`,
    rung: rung.index,
    bracket,
    resource: rung.resource,
    value: fromLoss(losses[0]!, metric),
    ...(threshold !== undefined && { threshold }),
    rank,
    peers,
  }
}
