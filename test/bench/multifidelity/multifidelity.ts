import { atLeast, atMost, type Check, figure } from '../check.ts'
import { geometricMean, mean } from '../search/statistics.ts'
import { multiFidelityTasks, SUITE_FOLDER } from '../search/suite.ts'
import { baselineEntrants, readBaselines } from './baselines.ts'
import { combinationOf } from './combination.ts'
import { timeRatio } from './comparison.ts'
import { type FidelityTask, ofCurveTask } from './fidelity-task.ts'
import { LCBENCH_NAMES, lcbenchTasks } from './lcbench.ts'
import { measureTimes, measureToHardest, type Times } from './measure.ts'
import { type FidelityOptions, parseFidelityOptions } from './options.ts'
import type { Cell, Entrant } from './outcomes.ts'
import { HARDEST, ROUNDS, TARGET_NAMES } from './protocol.ts'
import { type Comparison, printComparison } from './report.ts'

/**
 * Our samplers and pruners together on learning curves, in virtual time with asynchronous workers, beside the baselines
 * that were measured on some of the tasks.
 *
 * `--quick`: 5 seeds on the tasks that have baselines, at most two minutes. `--samplers random+asha,tpe+median`,
 * `--tasks x,y`, `--workers 1,8,32`, `--seeds N`: what to run.
 */
export async function multifidelity(args: readonly string[]): Promise<Check[]> {
  const options = parseFidelityOptions(args)
  const measured = baselineEntrants(readBaselines())
  if (measured.length === 0) console.error(`without baselines: ${SUITE_FOLDER} is not there`)
  const tasks = await tasksNamed(options.tasks)

  const { ours, speedups } = await runAll(options, tasks)
  const cells: Cell[] = options.workers.flatMap((workers) =>
    tasks.flatMap(({ name: task }) => TARGET_NAMES.map((target) => ({ task, workers, target }))),
  )
  const baselines = measured.filter((entrant) => cells.some((cell) => entrant.hitsAt(cell) !== undefined))
  printComparison({ cells, ours, baselines })
  console.log()
  return [...ratioChecks({ cells, ours, baselines }), ...speedupChecks(speedups)]
}

async function tasksNamed(names: readonly string[]): Promise<readonly FidelityTask[]> {
  const ofSuite = multiFidelityTasks().filter(({ name }) => names.includes(name))
  return [...ofSuite.map(ofCurveTask), ...(await lcbenchTasks(LCBENCH_NAMES.filter((name) => names.includes(name))))]
}

/** Times to the hardest target by task and seed: random search with one worker, and ASHA over it with many. */
type Speedups = ReadonlyMap<string, { readonly lone: number[]; readonly many: number[] }>
const MANY = Math.max(...ROUNDS.keys())

/** Seed by seed, so that all have equally many should the time run out. */
async function runAll(options: FidelityOptions, tasks: readonly FidelityTask[]) {
  const { combinations, workers, seeds, limitMs } = options
  const results = new Map(combinations.map(({ label }) => [label, new Map<string, Times[]>()]))
  const speedups: Speedups = new Map(tasks.map(({ name }) => [name, { lone: [], many: [] }]))
  const begin = performance.now()
  let longestMs = 0
  for (let seed = 0; seed < seeds; seed += 1) {
    const seedBegin = performance.now()
    if (seedBegin - begin + longestMs > limitMs) {
      console.log(`the time was up after ${seed} of ${seeds} seeds; what follows compares those`)
      break
    }
    const seconds: string[] = []
    for (const combination of combinations) {
      const combinationBegin = performance.now()
      for (const task of tasks) {
        for (const crowd of workers) {
          const times = await measureTimes(combination, task, crowd, seed)
          const ofCombination = results.get(combination.label)!
          const place = placeOf(task.name, crowd)
          ofCombination.set(place, [...(ofCombination.get(place) ?? []), times])
        }
      }
      seconds.push(`${combination.label} ${((performance.now() - combinationBegin) / 1000).toFixed(1)} s`)
    }
    for (const task of tasks) {
      const { lone, many } = speedups.get(task.name)!
      lone.push(await measureToHardest(combinationOf('random+none'), task, 1, seed))
      many.push(await measureToHardest(combinationOf('random+asha'), task, MANY, seed))
    }
    console.error(`seed ${seed + 1} of ${seeds}: ${seconds.join(', ')}`)
    longestMs = Math.max(longestMs, performance.now() - seedBegin)
  }
  return { ours: combinations.map(({ label }) => entrantOf(label, results.get(label)!)), speedups }
}

function placeOf(task: string, workers: number): string {
  return `${task} ${workers}`
}

/** Baselines have some of the same names. */
function entrantOf(label: string, byPlace: ReadonlyMap<string, readonly Times[]>): Entrant {
  return {
    label: `our ${label}`,
    hitsAt: ({ task, workers, target }) => {
      const runs = byPlace.get(placeOf(task, workers))
      return runs && { times: runs.map((times) => times[target]), budget: ROUNDS.get(workers)! }
    },
  }
}

/** The baseline that stops early as ASHA does. */
const RIVAL = 'st-asha'

function ratioChecks({ cells, ours, baselines }: Comparison): Check[] {
  const rival = baselines.find(({ label }) => label === RIVAL)
  if (rival === undefined) return []
  return ours.flatMap((entrant) => {
    const ratio = timeRatio(cells, entrant, [rival])!
    const name = `${entrant.label}: time to target over ${RIVAL}'s, ${ratio.cells} targets`
    return [entrant.label.endsWith('asha') ? atMost(name, ratio.value, '', 1) : figure(name, ratio.value, '')]
  })
}

function speedupChecks(speedups: Speedups): Check[] {
  const name = (where: string) => `asha with ${MANY} workers: times faster to ${HARDEST} than random with 1, ${where}`
  const ratios = [...speedups].map(([task, { lone, many }]) => [task, mean(lone) / mean(many)] as const)
  return [
    ...ratios.map(([task, ratio]) => figure(name(task), ratio, '')),
    atLeast(name('geometric mean'), geometricMean(ratios.map(([, ratio]) => ratio)), '', 25),
  ]
}
