/** What one sampler reached on one task. */
export interface Outcomes {
  /** Numbers of finished trials at which the regret was taken, rising. */
  readonly budgets: readonly number[]
  /** One row a seed, one column a budget. */
  readonly regrets: readonly (readonly number[])[]
}

/** A sampler in the comparison, ours or measured by others. */
export interface Entrant {
  readonly label: string
  readonly byTask: ReadonlyMap<string, Outcomes>
}

/** A sampler measured by others. */
export interface Baseline extends Entrant {
  /** Of its library; undefined for what belongs to none. */
  readonly version: string | undefined
}

/** The numbers of trials at which the suite's baselines were measured. */
export const BUDGETS = [10, 25, 50, 75, 100, 150, 200] as const

/** The regrets of all seeds after `budget` trials; undefined when that was not run. */
export function regretsAt(entrant: Entrant, task: string, budget: number): readonly number[] | undefined {
  const outcomes = entrant.byTask.get(task)
  const column = outcomes?.budgets.indexOf(budget) ?? -1
  return column < 0 ? undefined : outcomes?.regrets.map((row) => row[column]!)
}

/** Whether there is something to compare on every one of the tasks at this budget. */
export function hasRun(entrant: Entrant, tasks: readonly string[], budget: number): boolean {
  return tasks.every((task) => regretsAt(entrant, task, budget) !== undefined)
}
