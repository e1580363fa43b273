import { toLoss } from '@sweep/search/loss'
import { hypervolume } from '@sweep/search/pareto/hypervolume'
import { violationOf } from '@sweep/search/pareto/violation'
import { rngFor } from '@sweep/search/rng'
import { createSearch } from '@sweep/search/search'
import { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import type { ObjectivesTask } from './task.ts'

/** Numbers of finished trials at which the front found so far is measured. */
export const BUDGETS = [50, 100, 200] as const
export type Budget = (typeof BUDGETS)[number]

/** The share of the true front's hypervolume that the feasible trials dominate, after each number of trials. */
export type Shares = Readonly<Record<Budget, number>>

export interface RunSettings {
  readonly method: SweepDocument['method']
  readonly seed: number
  /** How many trials run at once. */
  readonly workers: number
}

/** Trials start until all workers have one, then one of them, at random, finishes. */
export function runObjectives(task: ObjectivesTask, { method, seed, workers }: RunSettings): Shares {
  const trials = Math.max(...BUDGETS)
  const { space, objectives, constraints } = task
  let { sampler } = createSearch(
    SweepDocument.parse({ method, seed, command: ['none'], metric: objectives[0], objectives, constraints, space }),
  )
  const tell = (fact: FactBody) => {
    sampler = sampler.tell(fact)
  }
  const rng = rngFor(seed, 0, 'bench-workers')
  const running: { readonly trial: number; readonly config: Config }[] = []
  const found: Record<string, number>[] = []
  let created = 0
  while (found.length < trials) {
    while (running.length < workers && created < trials) {
      const { config, draw, reason } = sampler.ask(1).suggestions[0]!
      created += 1
      tell({ kind: 'trial-created', trial: created, config, source: 'sampler', basis: 0, draw, reason })
      running.push({ trial: created, config })
    }
    const [{ trial, config }] = running.splice(rng.int(0, running.length - 1), 1) as [(typeof running)[number]]
    const values = task.evaluate(config)
    tell({ kind: 'trial-ended', trial, state: 'completed', value: values[objectives[0]!.name]!, values, reason: '' })
    found.push(values)
  }
  const after = (budget: Budget) => shareOf(task, found.slice(0, budget))
  return { 50: after(50), 100: after(100), 200: after(200) }
}

/** Four digits, as the baselines have. */
export function shareOf(
  { objectives, constraints = [], reference, best }: ObjectivesTask,
  found: readonly Readonly<Record<string, number>>[],
): number {
  const lossesOf = (values: Readonly<Record<string, number>>) => objectives.map((one) => toLoss(values[one.name]!, one))
  const feasible = found.filter((values) => violationOf(values, constraints) === 0)
  const bounds = objectives.map((one, k) => toLoss(reference[k]!, one))
  return Number((hypervolume(feasible.map(lossesOf), bounds) / best).toFixed(4))
}
