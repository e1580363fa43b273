import { parseArgs } from 'node:util'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { atMost, type Check, figure } from '../check.ts'
import { chosen, wholeNumber } from '../options.ts'
import { mean, ranks } from '../search/statistics.ts'
import { printTable } from '../table.ts'
import { readBaselines } from './baselines.ts'
import { type Entrant, meanShares } from './entrant.ts'
import { BUDGETS, type Budget, runObjectives } from './run-objectives.ts'
import type { ObjectivesTask } from './task.ts'
import { objectivesTasks } from './tasks.ts'

const METHODS = ['auto', 'tpe', 'nsga2', 'random', 'sobol', 'lhs'] as const satisfies SweepDocument['method'][]

/**
 * Samplers on problems with several objectives and constraints, beside Optuna's as they were measured once: the share of the
 * true front's hypervolume after 50, 100 and 200 trials.
 *
 * `--quick`: 3 seeds, under a minute. `--samplers a,b`, `--tasks x,y`, `--seeds N`, `--workers N`: what to run; without them
 * `auto`, `tpe`, `nsga2` and `random` on every task, 20 seeds, one trial at a time.
 */
export async function objectives(args: readonly string[]): Promise<Check[]> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      samplers: { type: 'string' },
      tasks: { type: 'string' },
      seeds: { type: 'string' },
      workers: { type: 'string' },
    },
  })
  const methods = chosen('samplers', METHODS, values.samplers ?? 'auto,tpe,nsga2,random', (method) => method)
  const tasks = chosen('tasks', objectivesTasks(), values.tasks, ({ name }) => name)
  const seeds = wholeNumber('seeds', values.seeds, values.quick ? 3 : 20)
  const workers = wholeNumber('workers', values.workers, 1)
  const ours = methods.map((method) => measured(method, tasks, seeds, workers))
  const baselines = readBaselines()
  for (const budget of BUDGETS) printShares(tasks, [...ours, ...baselines], budget)
  console.log()
  return BUDGETS.flatMap((budget) => ours.flatMap((entrant) => checksOf(tasks, entrant, baselines, budget)))
}

function measured(
  method: SweepDocument['method'],
  tasks: readonly ObjectivesTask[],
  seeds: number,
  workers: number,
): Entrant {
  const begin = performance.now()
  const byTask = new Map(
    tasks.map((task) => {
      const runs = Array.from({ length: seeds }, (_, seed) => runObjectives(task, { method, seed, workers }))
      return [task.name, meanShares(runs)]
    }),
  )
  console.error(`${method}: ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  return { label: `our ${method}`, byTask }
}

function printShares(tasks: readonly ObjectivesTask[], entrants: readonly Entrant[], budget: Budget): void {
  const places = meanRanks(tasks, entrants, budget)
  printTable(
    [
      `share of the true front's hypervolume after ${budget} trials, mean over the seeds; mean rank over the tasks`,
      ...tasks.map(({ name }) => name),
      'mean rank',
    ],
    entrants.map((entrant) => [
      entrant.label,
      ...tasks.map((task) => shareOn(task, entrant, budget).toFixed(3)),
      places.get(entrant)!.toFixed(2),
    ]),
  )
}

function shareOn({ name }: ObjectivesTask, { byTask }: Entrant, budget: Budget): number {
  return byTask.get(name)![budget]
}

function meanRanks(tasks: readonly ObjectivesTask[], entrants: readonly Entrant[], budget: Budget) {
  const places = tasks.map((task) => ranks(entrants.map((entrant) => -shareOn(task, entrant, budget))))
  return new Map(entrants.map((entrant, index) => [entrant, mean(places.map((row) => row[index]!))]))
}

/** Methods that learn are to rank no worse than Optuna's of the same kind, and `auto` than the best of them. */
const RIVALS: Partial<Record<string, readonly string[]>> = {
  'our auto': ['optuna tpe', 'optuna nsgaii'],
  'our tpe': ['optuna tpe'],
  'our nsga2': ['optuna nsgaii'],
}

function checksOf(
  tasks: readonly ObjectivesTask[],
  entrant: Entrant,
  baselines: readonly Entrant[],
  budget: Budget,
): Check[] {
  const share = figure(
    `${entrant.label}: share of the true front's hypervolume after ${budget}`,
    mean(tasks.map((task) => shareOn(task, entrant, budget))),
    '',
  )
  const rivals = baselines.filter(({ label }) => RIVALS[entrant.label]?.includes(label))
  if (rivals.length === 0) return [share]
  const places = meanRanks(tasks, [entrant, ...baselines], budget)
  const best = Math.min(...rivals.map((rival) => places.get(rival)!))
  const goal = Number(best.toPrecision(4))
  return [share, atMost(`${entrant.label}: mean rank among Optuna's after ${budget}`, places.get(entrant)!, '', goal)]
}
