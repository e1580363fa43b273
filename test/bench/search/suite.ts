import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ANALYTIC_TASKS } from './analytic-tasks.ts'
import { CURVE_TASKS } from './curve-tasks.ts'
import { readTableTasks } from './table-tasks.ts'
import type { CurveTask, Task } from './task.ts'
import { TUNING_TASKS } from './tuning-tasks.ts'

/** Where the suite's files lie: beside the repository. Benchmarks and tests both run in the repository's root. */
export const SUITE_FOLDER = resolve('../shared/bench')
const TABLES = join(SUITE_FOLDER, 'tables')

/** The tasks of the tables, by name, so that what is missing without the folder can be said. */
export const TABLE_TASK_NAMES = ['tab_mlp_digits', 'tab_svm_digits', 'tab_gb_cancer'] as const

/** Present or not, the suite's files decide what can be run and compared. */
export function hasSuiteFile(name: string): boolean {
  return existsSync(join(SUITE_FOLDER, name))
}

const isNamed = (names: readonly string[]) => (task: Task) => names.includes(task.name)

/** Tasks whose trials report one value. Those of the tables are left out where the tables are absent. */
export function sequentialTasks(): readonly Task[] {
  const tables = readTableTasks(TABLES)
  const named = TABLE_TASK_NAMES.flatMap((name) => tables.filter(isNamed([name])))
  return [...ANALYTIC_TASKS, ...TUNING_TASKS, ...named]
}

/** Tasks whose trials report a curve, for pruners. */
export function multiFidelityTasks(): readonly CurveTask[] {
  return [...CURVE_TASKS, ...readTableTasks(TABLES).filter(isNamed(['tab_mlp_digits', 'tab_gb_cancer']))]
}
