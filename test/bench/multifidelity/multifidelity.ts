import { atLeast, atMost, type Check, figure } from '../check.ts'
import { geometricMean, mean } from '../search/statistics.ts'
import { multiFidelityTasks, SUITE_FOLDER } from '../search/suite.ts'
import { baselineEntrants, readAllBaselines } from './baselines.ts'
import { duelsOf, timeRatio } from './comparison.ts'
import { type FidelityTask, ofCurveTask } from './fidelity-task.ts'
import { LCBENCH_NAMES, lcbenchTasks } from './lcbench.ts'
import { parseFidelityOptions } from './options.ts'
import type { Cell } from './outcomes.ts'
import { HARDEST, TARGET_NAMES } from './protocol.ts'
import { type Comparison, printComparison } from './report.ts'
import { MANY, runAll, type Speedups } from './run-all.ts'

/**
 * Our samplers and pruners together on learning curves, in virtual time with asynchronous workers, beside the baselines
 * that were measured on some of the tasks.
 *
 * `--quick`: 5 seeds on the tasks that have baselines, at most two minutes. `--samplers random+asha,tpe+median`,
 * `--tasks x,y`, `--workers 1,8,32`, `--seeds N`: what to run. `--keep FILE`: results are kept there and taken from there.
 */
export async function multifidelity(args: readonly string[]): Promise<Check[]> {
  const options = parseFidelityOptions(args)
  const measured = baselineEntrants(readAllBaselines())
  if (measured.length === 0) console.error(`without baselines: ${SUITE_FOLDER} is not there`)
  const tasks = await tasksNamed(options.tasks)

  const { ours, speedups } = await runAll(options, tasks)
  const cells: Cell[] = options.workers.flatMap((workers) =>
    tasks.flatMap(({ name: task }) => TARGET_NAMES.map((target) => ({ task, workers, target }))),
  )
  const baselines = measured.filter((entrant) => cells.some((cell) => entrant.hitsAt(cell) !== undefined))
  printComparison({ cells, ours, baselines })
  console.log()
  return [
    ...ratioChecks({ cells, ours, baselines }),
    ...duelChecks({ cells, ours, baselines }),
    ...speedupChecks(speedups),
  ]
}

async function tasksNamed(names: readonly string[]): Promise<readonly FidelityTask[]> {
  const ofSuite = multiFidelityTasks().filter(({ name }) => names.includes(name))
  return [...ofSuite.map(ofCurveTask), ...(await lcbenchTasks(LCBENCH_NAMES.filter((name) => names.includes(name))))]
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

/** How many targets the best of ours takes longer to than the best baseline; the table says which. */
function duelChecks({ cells, ours, baselines }: Comparison): Check[] {
  const duels = duelsOf(cells, ours, baselines)
  if (duels.length === 0) return []
  const slower = duels.filter(({ ratio }) => ratio > 1)
  const surelySlower = slower.filter(({ verdict }) => verdict === 'slower')
  const surelyFaster = duels.filter(({ ratio, verdict }) => ratio < 1 && verdict === 'faster')
  const name = (how: string) => `of ${duels.length} targets, the best of ours ${how} the best baseline`
  return [
    atMost(name('takes longer to than'), slower.length, '', 0),
    atMost(name('takes significantly longer to than'), surelySlower.length, '', 0),
    figure(name('is significantly sooner at than'), surelyFaster.length, ''),
  ]
}

function speedupChecks(speedups: Speedups): Check[] {
  const name = (where: string) => `asha with ${MANY} workers: times faster to ${HARDEST} than random with 1, ${where}`
  const ratios = [...speedups].map(([task, { lone, many }]) => [task, mean(lone) / mean(many)] as const)
  return [
    ...ratios.map(([task, ratio]) => atLeast(name(task), ratio, '', 25)),
    atLeast(name('geometric mean'), geometricMean(ratios.map(([, ratio]) => ratio)), '', 25),
  ]
}
