import type { Metric, SyncHyperband } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { placeInWords, standingInWords } from '../asha/rung-words.ts'
import { type LiveAttempts, withLiveness } from '../live-attempts.ts'
import { fromLoss, lossInWords, toLoss } from '../loss.ts'
import { type PausedAttempts, withPauses } from '../paused-attempts.ts'
import {
  emptyRanking,
  lossAt,
  type Ranking,
  rankingSize,
  rankOf,
  withoutTrial,
  withTrial,
} from '../persistent/ranking.ts'
import { entries, find, insert, remove, type Tree, treeSize } from '../persistent/tree.ts'
import { advanced, noProgress, type Progress, standingLoss, takenUp } from '../progress.ts'
import { type Decision, isResume, type Pruner, type ResumeDecision } from '../pruner.ts'
import { type Bracket, hyperbandBrackets } from '../rung-count.ts'

interface Member {
  /** Which run of a bracket it belongs to, from 0. */
  readonly run: number
  readonly progress: Progress
  /** The loss that stands for it by now. */
  readonly loss: number
  /**
   * `climbing` to the rung of its bracket, `held` there until the others have come, `out` when it was not among the best,
   * `free` once no further rung holds it.
   */
  readonly standing: 'climbing' | 'held' | 'out' | 'free'
  /** What was found at its last rung; absent before the first. */
  readonly verdict: Verdict | undefined
}

interface BracketRun {
  readonly plan: Bracket
  readonly size: number
  /** No trial joins it any more. */
  readonly isClosed: boolean
  /** Index of the rung to which its trials are on their way; the lower ones are decided. */
  readonly rung: number
  /** How many of them have not arrived yet. */
  readonly awaited: number
  readonly arrived: Ranking
}

export interface SyncHyperbandState {
  readonly settings: SyncHyperband
  readonly metric: Metric
  readonly plans: readonly Bracket[]
  readonly members: Tree<Member>
  readonly runs: Tree<BracketRun>
  readonly live: LiveAttempts
  readonly paused: PausedAttempts
  readonly pending: Tree<Decision>
}

/**
 * Hyperband: Li et al., "Hyperband", JMLR 18(185), 2018, Algorithm 1. Trials fill one bracket after the other as they
 * start, the most aggressive first, and then from the first again. A rung is decided when all trials of its bracket have
 * arrived: until then they are paused there; then the best n/eta are resumed and the others pruned.
 *
 * - Brackets overlap: while one waits for its last trial, new trials start in the next, so that no slot idles.
 * - A trial that ends before it arrives is waited for no longer, and takes no place. As many go on as the paper says, or
 *   fewer if fewer are left.
 * - When no more trials come, a bracket that is not full is decided with those it has; at least one of them goes on.
 * - The loss compared is the one that stands for the trial when it arrives: the best so far, or the last, by
 *   `metric.summary`. What is not finite never goes on. A trial that has jumped past its next rung is there already.
 * - A trial that a person takes up again after it was paused or had ended runs beside the brackets.
 */
export const syncHyperband: Pruner<SyncHyperbandState, SyncHyperband> = {
  name: 'sync-hyperband',

  init: (settings, metric) => ({
    settings,
    metric,
    plans: hyperbandBrackets(settings.minResource, settings.maxResource, settings.reductionFactor),
    members: undefined,
    runs: undefined,
    live: undefined,
    paused: undefined,
    pending: undefined,
  }),

  tell(state, fact) {
    switch (fact.kind) {
      case 'report':
        return withValue(state, fact)
      case 'no-more-trials':
        return closed(state)
      default:
        return withAttempt(state, fact)
    }
  },

  decide({ pending, metric }) {
    const decisions = Array.from(entries(pending), ({ value }) => value)
    const resumes = decisions.filter(isResume).sort((a, b) => byPromise(a, b, metric))
    return [...decisions.filter((decision) => !isResume(decision)), ...resumes]
  },
}

/** The highest rung first, there the lowest loss, then the lower trial number. */
function byPromise(a: ResumeDecision, b: ResumeDecision, metric: Metric): number {
  const place = ({ verdict }: ResumeDecision) => ({ resource: verdict.resource!, loss: toLoss(verdict.value!, metric) })
  const [first, second] = [place(a), place(b)]
  return second.resource - first.resource || first.loss - second.loss || a.trial - b.trial
}

function withAttempt(state: SyncHyperbandState, fact: FactBody): SyncHyperbandState {
  if (!('trial' in fact)) return state
  const next = { ...state, live: withLiveness(state.live, fact), paused: withPauses(state.paused, fact) }
  switch (fact.kind) {
    case 'attempt-started':
      return settled(find(state.members, fact.trial) === undefined ? enlisted(next, fact.trial) : next, fact.trial)
    case 'trial-ended':
      return settled(left(next, fact.trial, 'out'), fact.trial)
    case 'trial-requeued':
      return settled(left(next, fact.trial, 'free'), fact.trial)
    case 'attempt-ended':
    case 'stop-asked':
    case 'trial-resumed':
      return settled(next, fact.trial)
    default:
      return state
  }
}

/** A new trial joins the open bracket, or opens the next. */
function enlisted(state: SyncHyperbandState, trial: number): SyncHyperbandState {
  const count = treeSize(state.runs)
  const last = find(state.runs, count - 1)
  const run = last === undefined || last.isClosed ? count : count - 1
  const { plan, size, awaited, ...rest } = find(state.runs, run) ?? newRun(state.plans[run % state.plans.length]!)
  const joined = { ...rest, plan, size: size + 1, awaited: awaited + 1, isClosed: size + 1 === plan.trials }
  const standing = plan.rungs.length === 1 ? 'free' : 'climbing'
  const member: Member = { run, progress: noProgress, loss: noProgress.best, standing, verdict: undefined }
  return { ...state, runs: insert(state.runs, run, 0, joined), members: insert(state.members, trial, 0, member) }
}

function newRun(plan: Bracket): BracketRun {
  return { plan, size: 0, isClosed: false, rung: 0, awaited: 0, arrived: emptyRanking }
}

/** No more trials come: the last bracket is as full as it gets. */
function closed(state: SyncHyperbandState): SyncHyperbandState {
  const number = treeSize(state.runs) - 1
  const run = find(state.runs, number)
  if (run === undefined) return state
  return decided({ ...state, runs: insert(state.runs, number, 0, { ...run, isClosed: true }) }, number)
}

/** A trial takes no further part in its bracket, which no longer waits for it. */
function left(state: SyncHyperbandState, number: number, standing: 'out' | 'free'): SyncHyperbandState {
  const member = find(state.members, number)
  if (member === undefined) return state
  const run = find(state.runs, member.run)!
  const awaited = member.standing === 'climbing' ? run.awaited - 1 : run.awaited
  const after = { ...run, awaited, arrived: withoutTrial(run.arrived, number) }
  const next = {
    ...state,
    members: insert(state.members, number, 0, { ...member, standing }),
    runs: insert(state.runs, member.run, 0, after),
  }
  return member.standing === 'climbing' ? decided(next, member.run) : next
}

function withValue(state: SyncHyperbandState, fact: FactOf<'report'>): SyncHyperbandState {
  const { metric, settings } = state
  const before = find(state.members, fact.trial)
  if (before === undefined || fact.attempt < before.progress.history.attempt) return state
  const loss = toLoss(fact.value, metric)
  const progress = advanced(takenUp(before.progress, fact, settings.resource), fact, loss, settings.resource)
  const member = { ...before, progress, loss: standingLoss(progress, loss, metric) }
  const next = { ...state, members: insert(state.members, fact.trial, 0, member) }
  return isThere(next, member) ? arrived(next, fact.trial, member) : next
}

function isThere({ runs }: SyncHyperbandState, { run, standing, progress }: Member): boolean {
  if (standing !== 'climbing') return false
  const { plan, rung } = find(runs, run)!
  return progress.reached >= plan.rungs[rung]!.resource
}

function arrived(state: SyncHyperbandState, number: number, member: Member): SyncHyperbandState {
  const before = find(state.runs, member.run)!
  const run = { ...before, awaited: before.awaited - 1, arrived: withTrial(before.arrived, number, member.loss) }
  const held: Member = { ...member, standing: 'held', verdict: verdictOf(state, member.run, run, number) }
  const next = {
    ...state,
    runs: insert(state.runs, member.run, 0, run),
    members: insert(state.members, number, 0, held),
  }
  return decided(settled(next, number), member.run)
}

/** Decides the rung of a bracket once nobody is awaited there; its best then climb on to the next. */
function decided(state: SyncHyperbandState, number: number): SyncHyperbandState {
  const run = find(state.runs, number)!
  if (!run.isClosed || run.awaited > 0 || rankingSize(run.arrived) === 0) return state
  const places = placesIn(run, state.settings)
  const ranked = Array.from(entries(run.arrived.order), ({ a: loss, b: trial }) => ({ loss, trial }))
  const winners = ranked.slice(0, places).filter(({ loss }) => Number.isFinite(loss))
  const goOn = run.rung + 2 === run.plan.rungs.length ? 'free' : 'climbing'
  const after = { ...run, rung: run.rung + 1, awaited: winners.length, arrived: emptyRanking }
  let next: SyncHyperbandState = { ...state, runs: insert(state.runs, number, 0, after) }
  for (const [index, { trial }] of ranked.entries()) {
    const standing = index < winners.length ? goOn : 'out'
    const verdict = verdictOf(state, number, run, trial, places)
    const member: Member = { ...find(next.members, trial)!, standing, verdict }
    next = settled({ ...next, members: insert(next.members, trial, 0, member) }, trial)
  }
  for (const { trial } of winners) {
    const member = find(next.members, trial)!
    if (isThere(next, member)) next = arrived(next, trial, member)
  }
  return next
}

/** How many go on: n_(i+1) of the paper, n being the trials of the bracket. */
function placesIn({ size, rung }: BracketRun, { reductionFactor }: SyncHyperband): number {
  return Math.max(1, Math.floor(size / reductionFactor ** (rung + 1)))
}

/** What follows for a trial from its standing and from whether it runs or is paused. */
function settled(state: SyncHyperbandState, trial: number): SyncHyperbandState {
  const kind = kindOf(state, trial)
  if (kind === undefined) return { ...state, pending: remove(state.pending, trial) }
  const attempt = (find(state.live, trial) ?? find(state.paused, trial))!
  const decision: Decision = { kind, trial, attempt, verdict: find(state.members, trial)!.verdict! }
  return { ...state, pending: insert(state.pending, trial, 0, decision) }
}

function kindOf({ members, live, paused }: SyncHyperbandState, trial: number): Decision['kind'] | undefined {
  const member = find(members, trial)
  if (member?.verdict === undefined) return undefined
  const isLive = find(live, trial) !== undefined
  if (!isLive && find(paused, trial) === undefined) return undefined
  if (member.standing === 'out') return 'prune'
  if (member.standing === 'held') return isLive ? 'pause' : undefined
  return isLive ? undefined : 'resume'
}

/** @param places how many go on, once that is decided */
function verdictOf(
  { metric, plans, settings }: SyncHyperbandState,
  number: number,
  run: BracketRun,
  trial: number,
  places?: number,
): Verdict {
  const { plan, rung, arrived, size, awaited, isClosed } = run
  const { resource } = plan.rungs[rung]!
  const peers = rankingSize(arrived)
  const rank = rankOf(arrived, trial)!
  const loss = lossAt(arrived, rank - 1)!
  const value = lossInWords(loss, metric)
  const where = placeInWords(settings.resource, resource)
  const expected = peers + awaited + (isClosed ? 0 : plan.trials - size)
  const verdict = { rung, bracket: number % plans.length, resource, value: fromLoss(loss, metric), rank, peers }
  if (places === undefined) {
    return {
      reason: `${value} waits at ${where} for its bracket: ${peers} of ${expected} trials are there`,
      ...verdict,
    }
  }
  const standing = standingInWords(rank, places)
  const threshold = fromLoss(lossAt(arrived, Math.min(places, peers) - 1)!, metric)
  return { reason: `${value} is ${standing} of ${peers} at ${where}`, ...verdict, threshold }
}
