import { atMost, type Check, figure } from '../check.ts'
import { readBaselines } from './baselines.ts'
import { meanRanks, meanRatio } from './comparison.ts'
import { BUDGETS, type Entrant, hasRun, type Outcomes } from './outcomes.ts'
import { type Comparison, printComparison } from './report.ts'
import { runSampler } from './run-sampler.ts'
import { parseSearchOptions, type SearchOptions } from './search-options.ts'
import { SUITE_FOLDER, TABLE_TASK_NAMES } from './suite.ts'

/**
 * Our samplers on the sequential tasks of the suite, beside the baselines that were measured on them.
 *
 * `--quick`: 5 seeds of 100 trials, at most two minutes. `--samplers a,b`, `--tasks x,y`, `--seeds N`, `--trials N`,
 * `--workers N`: what to run; without them every sampler but grid, on every task, 20 seeds of 200 trials, one worker.
 */
export async function search(args: readonly string[]): Promise<Check[]> {
  const options = parseSearchOptions(args)
  const measured = readBaselines(options.workers)
  sayWhatIsMissing(options, measured)

  const ours = runAll(options)
  const tasks = options.tasks.map(({ name }) => name)
  const budgets = BUDGETS.filter((budget) => budget <= options.trials)
  const random =
    measured?.find(({ label }) => label === 'random') ?? ours.find(({ label }) => label === ourLabel('random'))
  if (random === undefined) throw new Error('without the baselines, --samplers needs random to compare with')
  const baselines = (measured ?? []).filter((entrant) => hasRun(entrant, tasks, budgets[0]!))
  const comparison: Comparison = { yardstick: { tasks, random }, ours, baselines, budgets }
  printComparison(comparison)
  console.log()
  return checksOf(comparison)
}

/** Baselines have some of the same names. */
function ourLabel(method: string): string {
  return `our ${method}`
}

function sayWhatIsMissing({ tasks, workers }: SearchOptions, measured: readonly Entrant[] | undefined): void {
  if (measured === undefined) {
    console.error(`without baselines and ${TABLE_TASK_NAMES.join(', ')}: ${SUITE_FOLDER} is not there`)
    return
  }
  for (const { label, byTask } of measured) {
    const missing = tasks.filter(({ name }) => !byTask.has(name))
    if (missing.length > 0)
      console.error(
        `without the baseline ${label}: not run with ${workers} at once on ${missing.map(({ name }) => name).join(', ')}`,
      )
  }
}

/** Seed by seed, so that all samplers have equally many should the time run out. */
function runAll({ methods, tasks, seeds, trials, workers, limitMs }: SearchOptions): readonly Entrant[] {
  const budgets = BUDGETS.filter((budget) => budget <= trials)
  const rows = new Map(methods.map((method) => [method, tasks.map(() => [] as number[][])]))
  const begin = performance.now()
  let longestMs = 0
  for (let seed = 0; seed < seeds; seed += 1) {
    const seedBegin = performance.now()
    if (seedBegin - begin + longestMs > limitMs) {
      console.log(`the time was up after ${seed} of ${seeds} seeds; what follows compares those`)
      break
    }
    const seconds = methods.map((method) => {
      const methodBegin = performance.now()
      for (const [index, task] of tasks.entries())
        rows.get(method)![index]!.push(runSampler(task, { method, seed, trials, workers }))
      return `${method} ${((performance.now() - methodBegin) / 1000).toFixed(1)} s`
    })
    console.error(`seed ${seed + 1} of ${seeds}: ${seconds.join(', ')}`)
    longestMs = Math.max(longestMs, performance.now() - seedBegin)
  }
  return methods.map((method) => ({
    label: ourLabel(method),
    byTask: new Map<string, Outcomes>(
      tasks.map(({ name }, index) => [name, { budgets, regrets: rows.get(method)![index]! }]),
    ),
  }))
}

const CHECKED_BUDGET = 100

function checksOf({ yardstick, ours, baselines, budgets }: Comparison): Check[] {
  const { tasks } = yardstick
  const budget = budgets.findLast((candidate) => candidate <= CHECKED_BUDGET)!
  const ranks = meanRanks(tasks, [...ours, ...baselines], budget)
  const rival = baselines.find(({ label }) => label === 'optuna-tpe')
  return ours.flatMap((entrant) => {
    const name = `${entrant.label}: mean regret over random's after ${budget}`
    const ratio = meanRatio(yardstick, entrant, budget)!
    const rivalRatio = rival && meanRatio(yardstick, rival, budget)
    if (entrant.label !== ourLabel('tpe') || rivalRatio === undefined) return [figure(name, ratio, '')]
    return [
      atMost(name, ratio, '', shown(rivalRatio)),
      atMost(`${entrant.label}: mean rank after ${budget}`, ranks.get(entrant)!, '', shown(ranks.get(rival!)!)),
    ]
  })
}

/** A goal as people read it. */
function shown(value: number): number {
  return Number(value.toPrecision(4))
}
