import type { Metric, Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { applyChanges, type SweepLimits } from '../limits.ts'
import { isLive, type LiveAttempts, withLiveness } from '../live-attempts.ts'
import { fromLoss, lossInWords } from '../loss.ts'
import { lossAt, rankOf } from '../persistent/ranking.ts'
import { entries, find, insert, remove, type Tree, treeSize } from '../persistent/tree.ts'
import type { PruneDecision, Pruner } from '../pruner.ts'
import { bestOf, freePlaces, noMembers, observe, type Population, parentCount, peersAt, worstOf } from './population.ts'

export interface PbtPrunerSettings {
  readonly pbt: Pbt
  /** Of the document; a change of the budget comes as a fact. */
  readonly limits: SweepLimits
}

export interface PbtPrunerState {
  readonly population: Population
  readonly limits: SweepLimits
  readonly metric: Metric
  readonly live: LiveAttempts
  /** Decisions that nobody has carried out yet, by trial. */
  readonly pending: Tree<PruneDecision>
}

/**
 * Truncation selection of population based training (Jaderberg et al. 2017, arXiv 1711.09846, section 4.1.1): a member
 * that is among the worst gives its place to a copy of one of the best.
 *
 * - Every `interval` of resource a member is compared, by the value it reports there, with what the others reported at
 *   the same resource. The paper's Algorithm 1 takes their newest values instead, by which of equal members that train
 *   side by side the one a step behind is the worst.
 * - Nobody waits: a member trains on, and goes as soon as it is among the worst however those will do that are still on
 *   their way there. Once it has come an interval further, it is compared there instead.
 * - In the paper the loser takes over the weights and goes on; here it is pruned, and the copy is a trial of its own, so
 *   that a trial has one config. `pbtSampler` proposes it once the prune is a fact.
 * - A member as good as the last of the best is not pruned, nor one that would be copied. Ties go to the lower number.
 * - Once the budget has no trial left to take a place, nobody is pruned: the members train to their end.
 */
export const pbtPruner: Pruner<PbtPrunerState, PbtPrunerSettings> = {
  name: 'pbt',

  init: ({ pbt, limits }, metric) => ({
    population: noMembers(pbt, metric.goal),
    limits,
    metric,
    live: undefined,
    pending: undefined,
  }),

  tell(state, fact) {
    const population = observe(state.population, fact)
    const next = withAttempt(population === state.population ? state : { ...state, population }, fact)
    if (fact.kind === 'report') return judge(next, fact)
    if (fact.kind !== 'control' || fact.action !== 'change') return next
    return { ...next, limits: applyChanges(next.limits, fact.changes) }
  },

  decide: ({ pending }) => Array.from(entries(pending), ({ value }) => value),
}

function withAttempt(state: PbtPrunerState, fact: FactBody): PbtPrunerState {
  const live = withLiveness(state.live, fact)
  if (live === state.live || !('trial' in fact)) return state
  return { ...state, live, pending: remove(state.pending, fact.trial) }
}

function judge(state: PbtPrunerState, { trial, attempt }: FactOf<'report'>): PbtPrunerState {
  const { members, levels, evicted } = state.population
  if (!isLive(state.live, trial, attempt)) return state
  // Its host was lost as it was stopped, and a new attempt of it began.
  if (find(evicted, trial))
    return withPrune(state, trial, { reason: 'another trial has taken its place in the population' })
  const { level, hasArrived } = find(members, trial)!
  if (!hasArrived) return state
  const peers = peersAt(state.population, level)
  let next = state
  for (const { b: loser } of entries(find(levels, level)!.order, peers - worstOf(peers, state.population))) {
    if (find(members, loser)!.level === level && mayReplace(next, loser)) {
      next = withPrune(next, loser, verdictOf(next, loser, level, peers))
    }
  }
  return next
}

function withPrune(state: PbtPrunerState, trial: number, verdict: Verdict | undefined): PbtPrunerState {
  const attempt = find(state.live, trial)
  if (attempt === undefined || verdict === undefined || find(state.pending, trial)) return state
  return { ...state, pending: insert(state.pending, trial, 0, { kind: 'prune', trial, attempt, verdict }) }
}

/** Whether there is somebody to copy instead of it, and a trial left in the budget for one more place. */
function mayReplace({ population, pending, limits }: PbtPrunerState, trial: number): boolean {
  const rank = rankOf(population.training, trial)
  if (rank === undefined || rank <= parentCount(population)) return false
  const { new: places, left } = freePlaces(population)
  const { trials } = limits.budget
  return trials === undefined || population.issued + places + left + treeSize(pending) < trials
}

/** Why it is to go; undefined when it is as good as the best. */
function verdictOf(
  { population, metric }: PbtPrunerState,
  trial: number,
  level: number,
  peers: number,
): Verdict | undefined {
  const { settings, levels } = population
  const ranking = find(levels, level)!
  const [best, worst] = [bestOf(peers, population), worstOf(peers, population)]
  const loss = find(ranking.losses, trial)!
  const threshold = lossAt(ranking, best - 1)!
  if (!(loss > threshold)) return undefined
  const resource = level * settings.interval
  const where = `${settings.resource === 'step' ? 'step' : 'report'} ${resource}`
  const what = worst === 1 ? 'the worst' : `among the worst ${worst}`
  return {
    reason: `${lossInWords(loss, metric)} is ${what} of ${peers} at ${where}; a copy of one of the best takes its place`,
    resource,
    value: fromLoss(loss, metric),
    threshold: fromLoss(threshold, metric),
    rank: rankOf(ranking, trial)!,
    peers,
  }
}
