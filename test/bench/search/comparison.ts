import { type Entrant, hasRun, regretsAt } from './outcomes.ts'
import { geometricMean, mannWhitney, mean, median, ranks } from './statistics.ts'

/**
 * Ratios below it count as this much, as in the baselines' own summary: a task that is solved would decide the mean by
 * the digits of its last error otherwise.
 */
export const SMALLEST_RATIO = 0.001

/** The tasks compared, and random search as it was measured on them, which regrets are divided by. */
export interface Yardstick {
  readonly tasks: readonly string[]
  readonly random: Entrant
}

/** Geometric mean over the tasks of the mean regret over that of random search; undefined when it was not run on all. */
export function meanRatio({ tasks, random }: Yardstick, entrant: Entrant, budget: number): number | undefined {
  const ratios = ratiosOf({ tasks, random }, entrant, budget, mean)
  return ratios && geometricMean(ratios.map((ratio) => Math.max(SMALLEST_RATIO, ratio)))
}

/** Median over the tasks of the median regret over the mean regret of random search. */
export function medianRatio(yardstick: Yardstick, entrant: Entrant, budget: number): number | undefined {
  const ratios = ratiosOf(yardstick, entrant, budget, median)
  return ratios && median(ratios)
}

function ratiosOf(
  { tasks, random }: Yardstick,
  entrant: Entrant,
  budget: number,
  middle: (values: readonly number[]) => number,
): number[] | undefined {
  if (![entrant, random].every((one) => hasRun(one, tasks, budget))) return undefined
  return tasks.map((task) => middle(regretsAt(entrant, task, budget)!) / mean(regretsAt(random, task, budget)!))
}

/** The mean over the tasks of each entrant's rank by median regret, among those that ran all of them. */
export function meanRanks(
  tasks: readonly string[],
  entrants: readonly Entrant[],
  budget: number,
): Map<Entrant, number> {
  const present = entrants.filter((entrant) => hasRun(entrant, tasks, budget))
  const places = tasks.map((task) => ranks(present.map((entrant) => median(regretsAt(entrant, task, budget)!))))
  return new Map(present.map((entrant, index) => [entrant, mean(places.map((row) => row[index]!))]))
}

export interface Duel {
  readonly wins: number
  readonly ties: number
  readonly losses: number
}

/** On how many tasks one is significantly better than the other over the seeds; undefined when one was not run so far. */
export function duel(tasks: readonly string[], budget: number, entrant: Entrant, rival: Entrant): Duel | undefined {
  if (![entrant, rival].every((one) => hasRun(one, tasks, budget))) return undefined
  const verdicts = tasks.map((task) => mannWhitney(regretsAt(entrant, task, budget)!, regretsAt(rival, task, budget)!))
  const count = (verdict: (typeof verdicts)[number]) => verdicts.filter((one) => one === verdict).length
  return { wins: count('lower'), ties: count('undecided'), losses: count('higher') }
}
