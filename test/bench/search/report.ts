import { inDigits, printTable } from '../table.ts'
import { duel, meanRanks, meanRatio, medianRatio, SMALLEST_RATIO, type Yardstick } from './comparison.ts'
import { type Baseline, type Entrant, hasRun, regretsAt } from './outcomes.ts'
import { mannWhitney, median } from './statistics.ts'

/** Budgets that get a column. */
const REPORTED = [25, 50, 100, 200]

export interface Comparison {
  readonly yardstick: Yardstick
  readonly ours: readonly Entrant[]
  /** Those with something on every task. */
  readonly baselines: readonly Baseline[]
  /** Budgets up to the number of trials. */
  readonly budgets: readonly number[]
}

/** Tables for people. */
export function printComparison({ yardstick, ours, baselines, budgets }: Comparison): void {
  const { tasks } = yardstick
  const all = [...ours, ...baselines]
  const columns = budgets.filter((budget) => REPORTED.includes(budget))
  const figures = (title: string, figure: (entrant: Entrant, budget: number) => number | undefined) =>
    printTable(
      [title, ...columns.map(String)],
      all.map((entrant) => [entrant.label, ...columns.map((budget) => inDigits(figure(entrant, budget)))]),
    )

  figures(
    `mean regret over random's, geometric mean over ${tasks.length} tasks (a ratio below ${SMALLEST_RATIO} counts as that)`,
    (entrant, budget) => meanRatio(yardstick, entrant, budget),
  )
  figures("median regret over random's mean, median over tasks", (entrant, budget) =>
    medianRatio(yardstick, entrant, budget),
  )
  const rankAt = new Map(columns.map((budget) => [budget, meanRanks(tasks, all, budget)]))
  figures('mean rank over tasks by median regret', (entrant, budget) => rankAt.get(budget)?.get(entrant))

  if (baselines.length === 0) return
  printTable(
    ['baselines', 'seeds', 'version'],
    baselines.map((baseline) => [baseline.label, seedsOf(baseline, tasks), baseline.version ?? '-']),
  )
  printTable(
    ['tasks won / tied / lost over seeds, p < 0.05 (Mann-Whitney U)', ...baselines.map(({ label }) => label)],
    ours.flatMap((entrant) =>
      columns.map((budget) => [
        `${entrant.label} after ${budget}`,
        ...baselines.map((rival) => {
          const result = duel(tasks, budget, entrant, rival)
          return result ? `${result.wins}/${result.ties}/${result.losses}` : '-'
        }),
      ]),
    ),
  )
  printTasks(tasks, ours, baselines, columns)
}

/** How many seeds were run, the least and the most where that depends on the task. */
function seedsOf({ byTask }: Baseline, tasks: readonly string[]): string {
  const counts = tasks.map((task) => byTask.get(task)!.regrets.length)
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least === most ? String(least) : `${least} to ${most}`
}

/** The baseline that our samplers are marked against in the table of tasks. */
const RIVAL = 'optuna-tpe'

function printTasks(
  tasks: readonly string[],
  ours: readonly Entrant[],
  baselines: readonly Entrant[],
  columns: readonly number[],
): void {
  const budget = columns.at(-1)
  if (budget === undefined) return
  const present = [...ours, ...baselines].filter((entrant) => hasRun(entrant, tasks, budget))
  const rival = baselines.find(({ label }) => label === RIVAL)
  const mark = (entrant: Entrant, task: string) => {
    const theirs = rival && regretsAt(rival, task, budget)
    if (theirs === undefined || !ours.includes(entrant)) return ''
    const verdict = mannWhitney(regretsAt(entrant, task, budget)!, theirs)
    return { lower: ' +', higher: ' -', undecided: '  ' }[verdict]
  }
  printTable(
    [
      `median regret after ${budget}; + and -: better and worse than ${RIVAL}, p < 0.05`,
      ...present.map(({ label }) => label),
    ],
    tasks.map((task) => [
      task,
      ...present.map((entrant) => inDigits(median(regretsAt(entrant, task, budget)!)) + mark(entrant, task)),
    ]),
  )
}
