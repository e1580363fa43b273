import type { Metric, Wilcoxon } from '@sweep/spec/document/sweep-document'
import type { FactOf, Verdict } from '@sweep/spec/facts'
import { fromLoss, inWords, lossInWords, toLoss } from '../loss.ts'
import { entries, find, insert, remove, type Tree, treeSize } from '../persistent/tree.ts'
import { reportPruner } from '../report-pruner.ts'
import { signedRankProbability } from './signed-rank.ts'

interface Evaluation {
  readonly loss: number
  /** How many the trial had reported before it. */
  readonly place: number
}

interface EvaluatedTrial {
  /** The attempt that reported last. */
  readonly attempt: number
  /** By instance. */
  readonly evaluations: Tree<Evaluation>
  /** The place of the next. */
  readonly next: number
}

interface Incumbent {
  readonly trial: number
  readonly evaluations: Tree<Evaluation>
  readonly mean: number
}

interface WilcoxonMemory {
  readonly settings: Wilcoxon
  readonly metric: Metric
  readonly trials: Tree<EvaluatedTrial>
  readonly incumbent: Incumbent | undefined
}

/**
 * For trials that evaluate one set of instances (folds, problems, seeds) one by one, a report's step being the instance:
 * stops a trial that is worse than the best one on the instances both have, by Wilcoxon's signed-rank test of the paired
 * differences. After Optuna's WilcoxonPruner.
 *
 * - The best is the completed trial with the lowest mean loss among those with the most instances, so that one which ended
 *   after a lucky few is none; one with a report that was not finite never is. Ties go to the lower trial number.
 * - A trial whose mean is no worse goes on whatever the test says, both over the shared instances and over all of each.
 * - The test is made anew at every report, so a trial that is as good as the best is stopped more often than `pThreshold`.
 * - The cost of a report grows with the instances of a trial, not with the number of trials.
 * - Instances come in any order. A retried trial keeps what came before the instance it took up at, if it had that one,
 *   and everything otherwise; what it reports again replaces the older.
 */
export const wilcoxon = reportPruner<WilcoxonMemory, Wilcoxon>({
  name: 'wilcoxon',

  init: (settings, metric) => ({ settings, metric, trials: undefined, incumbent: undefined }),

  remember(memory, fact) {
    if (fact.kind === 'report') return withEvaluation(memory, fact)
    if (fact.kind === 'attempt-ended' && fact.cause === 'succeeded') return withCompleted(memory, fact.trial)
    return memory
  },

  judge,
})

const noReports: EvaluatedTrial = { attempt: 0, evaluations: undefined, next: 0 }

function withEvaluation(memory: WilcoxonMemory, fact: FactOf<'report'>): WilcoxonMemory {
  const before = find(memory.trials, fact.trial) ?? noReports
  if (fact.attempt < before.attempt) return memory
  const { evaluations, next } = fact.attempt > before.attempt ? cutBack(before, fact.step) : before
  const evaluation = { loss: toLoss(fact.value, memory.metric), place: next }
  const trial = {
    attempt: fact.attempt,
    evaluations: insert(evaluations, fact.step, 0, evaluation),
    next: next + 1,
  }
  return { ...memory, trials: insert(memory.trials, fact.trial, 0, trial) }
}

/** Takes back what older attempts reported from the instance on at which a newer one took up. */
function cutBack(trial: EvaluatedTrial, instance: number): EvaluatedTrial {
  const from = find(trial.evaluations, instance)?.place ?? trial.next
  let { evaluations } = trial
  for (const { a, value } of entries(trial.evaluations)) if (value.place >= from) evaluations = remove(evaluations, a)
  return { ...trial, evaluations }
}

function withCompleted(memory: WilcoxonMemory, number: number): WilcoxonMemory {
  const { evaluations } = find(memory.trials, number) ?? noReports
  const candidate = { trial: number, evaluations, mean: meanLoss(evaluations) }
  if (!Number.isFinite(candidate.mean)) return memory
  return memory.incumbent && isBehind(candidate, memory.incumbent) ? memory : { ...memory, incumbent: candidate }
}

function isBehind(candidate: Incumbent, incumbent: Incumbent): boolean {
  const more = treeSize(candidate.evaluations) - treeSize(incumbent.evaluations)
  if (more !== 0) return more < 0
  if (candidate.mean !== incumbent.mean) return candidate.mean > incumbent.mean
  return candidate.trial > incumbent.trial
}

/** NaN of none. */
function meanLoss(evaluations: Tree<Evaluation>): number {
  let sum = 0
  for (const { value } of entries(evaluations)) sum += value.loss
  return sum / treeSize(evaluations)
}

function judge({ settings, metric, trials, incumbent }: WilcoxonMemory, fact: FactOf<'report'>): Verdict | undefined {
  if (incumbent === undefined || incumbent.trial === fact.trial) return undefined
  const { evaluations } = find(trials, fact.trial)!
  const differences: number[] = []
  for (const { a: instance, value } of entries(evaluations)) {
    const best = find(incumbent.evaluations, instance)
    if (best !== undefined) differences.push(value.loss - best.loss)
  }
  const shared = differences.length
  const mean = meanLoss(evaluations)
  const isWorse = mean > incumbent.mean && differences.reduce((sum, difference) => sum + difference, 0) > 0
  if (shared < settings.grace || !isWorse) return undefined

  const p = signedRankProbability(differences)
  if (!(p < settings.pThreshold)) return undefined
  return {
    reason: `the mean, ${lossInWords(mean, metric)}, is worse than ${lossInWords(incumbent.mean, metric)}, that of trial ${incumbent.trial}: p = ${inWords(p)} is below ${inWords(settings.pThreshold)} in a signed-rank test on ${shared} ${shared === 1 ? 'instance' : 'instances'}`,
    resource: shared,
    value: fromLoss(mean, metric),
    threshold: fromLoss(incumbent.mean, metric),
    rank: 2,
    peers: 1,
  }
}
