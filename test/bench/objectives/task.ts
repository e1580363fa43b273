import type { Constraint, Metric } from '@sweep/spec/document/sweep-document'
import type { Config, SearchSpace } from '@sweep/spec/search-space'

/** A problem with several objectives. */
export interface ObjectivesTask {
  readonly name: string
  readonly space: SearchSpace
  readonly objectives: readonly Metric[]
  readonly constraints?: readonly Constraint[]
  /** Values of the objectives and of the constraints' metrics, by name. */
  readonly evaluate: (config: Config) => Record<string, number>
  /** A value of each objective, worse than what is of interest: hypervolumes are taken up to it. */
  readonly reference: readonly number[]
  /** Hypervolume of the true front. */
  readonly best: number
}

export function minimized(...names: readonly string[]): Metric[] {
  return names.map((name) => ({ name, goal: 'minimize', summary: 'best' }))
}
