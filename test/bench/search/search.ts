import { atMost, type Check, figure } from '../check.ts'
import { seedBySeed } from '../seed-by-seed.ts'
import { hasSuiteBaselines, readBaselines } from './baselines.ts'
import { duel, meanRanks, meanRatio } from './comparison.ts'
import { type Baseline, BUDGETS, type Entrant, hasRun, type Outcomes } from './outcomes.ts'
import { type Comparison, printComparison } from './report.ts'
import { runSampler } from './run-sampler.ts'
import { parseSearchOptions, type SearchOptions } from './search-options.ts'
import { SUITE_FOLDER, TABLE_TASK_NAMES } from './suite.ts'

/**
 * Our samplers on the sequential tasks of the suite, beside the baselines that were measured on them.
 *
 * `--quick`: `auto` and `tpe`, 5 seeds of 50 trials, at most two minutes. `--samplers a,b`, `--tasks x,y`, `--seeds N`, `--trials N`,
 * `--workers N`: what to run; without them every sampler but grid, on every task, 20 seeds of 200 trials, one worker.
 */
export async function search(args: readonly string[]): Promise<Check[]> {
  const options = parseSearchOptions(args)
  const measured = readBaselines(options.workers)
  sayWhatIsMissing(options, measured)

  const ours = await runAll(options)
  const tasks = options.tasks.map(({ name }) => name)
  const budgets = BUDGETS.filter((budget) => budget <= options.trials)
  const random =
    measured.find(({ label }) => label === 'random') ?? ours.find(({ label }) => label === ourLabel('random'))
  if (random === undefined) throw new Error('without the baselines, --samplers needs random to compare with')
  const baselines = measured.filter((entrant) => hasRun(entrant, tasks, budgets[0]!))
  const comparison: Comparison = { yardstick: { tasks, random }, ours, baselines, budgets }
  printComparison(comparison)
  console.log()
  return checksOf(comparison)
}

/** Baselines have some of the same names. */
function ourLabel(method: string): string {
  return `our ${method}`
}

function sayWhatIsMissing({ tasks, workers }: SearchOptions, measured: readonly Baseline[]): void {
  if (!hasSuiteBaselines())
    console.error(`without ${TABLE_TASK_NAMES.join(', ')} and the baselines of the suite: ${SUITE_FOLDER} is not there`)
  for (const { label, byTask } of measured) {
    const missing = tasks.filter(({ name }) => !byTask.has(name))
    if (missing.length > 0)
      console.error(
        `without the baseline ${label}: not run with ${workers} at once on ${missing.map(({ name }) => name).join(', ')}`,
      )
  }
}

async function runAll({ methods, tasks, trials, workers, ...limits }: SearchOptions): Promise<readonly Entrant[]> {
  const budgets = BUDGETS.filter((budget) => budget <= trials)
  const rows = new Map(methods.map((method) => [method, tasks.map(() => [] as number[][])]))
  await seedBySeed(limits, (seed) =>
    methods.map((method) => {
      const begin = performance.now()
      for (const [index, task] of tasks.entries())
        rows.get(method)![index]!.push(runSampler(task, { method, seed, trials, workers }))
      return `${method} ${((performance.now() - begin) / 1000).toFixed(1)} s`
    }),
  )
  return methods.map((method) => ({
    label: ourLabel(method),
    byTask: new Map<string, Outcomes>(
      tasks.map(({ name }, index) => [name, { budgets, regrets: rows.get(method)![index]! }]),
    ),
  }))
}

const CHECKED_BUDGETS = [25, 50, 100, 200]
/** Share of the tasks on which `auto` may be significantly worse than any one sampler of others. */
const LOST_SHARE = 0.1

function checksOf(comparison: Comparison): Check[] {
  const { yardstick, ours, budgets } = comparison
  return budgets
    .filter((budget) => CHECKED_BUDGETS.includes(budget))
    .flatMap((budget) =>
      ours.flatMap((entrant) => [
        figure(
          `${entrant.label}: mean regret over random's after ${budget}`,
          meanRatio(yardstick, entrant, budget)!,
          '',
        ),
        ...goalsOf(comparison, entrant, budget),
      ]),
    )
}

/** `auto` is to be the best of all, and `tpe` no worse than another one. Both are ranked without the rest of ours. */
function goalsOf({ yardstick, baselines, budgets }: Comparison, entrant: Entrant, budget: number): Check[] {
  const { tasks } = yardstick
  const isAuto = entrant.label === ourLabel('auto')
  const isRival = ({ label }: Entrant) => (isAuto ? label.startsWith('optuna') : label.startsWith('optuna-tpe'))
  const rivals = baselines.filter((rival) => isRival(rival) && hasRun(rival, tasks, budget))
  if (rivals.length === 0 || (!isAuto && entrant.label !== ourLabel('tpe'))) return []
  const ranks = meanRanks(tasks, [entrant, ...baselines], budget)
  const best = Math.min(...rivals.map((rival) => ranks.get(rival)!))
  const goals = [atMost(`${entrant.label}: mean rank after ${budget}`, ranks.get(entrant)!, '', shown(best))]
  if (!isAuto || budget !== budgets.at(-1)) return goals
  const lost = Math.max(...rivals.map((rival) => duel(tasks, budget, entrant, rival)?.losses ?? 0))
  return [
    ...goals,
    atMost(`${entrant.label}: tasks lost to one other after ${budget}`, lost, '', LOST_SHARE * tasks.length),
  ]
}

/** A goal as people read it. */
function shown(value: number): number {
  return Number(value.toPrecision(4))
}
