import { rngFor } from '@sweep/search/rng'
import { createSearch } from '@sweep/search/search'
import { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { BUDGETS } from './outcomes.ts'
import type { Task } from './task.ts'

export interface RunSettings {
  readonly method: SweepDocument['method']
  readonly seed: number
  readonly trials: number
  /** How many trials run at once. */
  readonly workers: number
}

interface Running {
  readonly trial: number
  readonly config: Config
}

/**
 * The regret of one sampler with one seed after each of the `BUDGETS` up to `trials`: the true value of the config with
 * the lowest value observed so far, less the optimum.
 *
 * As the baselines were run: trials start until all workers have one, then one of them, at random, finishes.
 */
export function runSampler(task: Task, { method, seed, trials, workers }: RunSettings): number[] {
  let { sampler } = createSearch(
    SweepDocument.parse({
      method,
      seed,
      command: ['none'],
      metric: { name: 'value', goal: 'minimize' },
      space: task.space,
      budget: { trials },
      parallelism: workers,
    }),
  )
  const tell = (...facts: readonly FactBody[]) => {
    for (const fact of facts) sampler = sampler.tell(fact)
  }
  const rng = rngFor(seed, 0, 'bench-workers')
  const running: Running[] = []
  const regrets: number[] = []
  let best = Number.POSITIVE_INFINITY
  let regret = Number.POSITIVE_INFINITY
  let created = 0
  let isExhausted = false

  for (let finished = 0; finished < trials; finished += 1) {
    while (running.length < workers && created < trials && !isExhausted) {
      const [suggestion] = sampler.ask(1).suggestions
      if (suggestion === undefined) isExhausted = true
      else {
        const { config, draw, reason } = suggestion
        created += 1
        tell(
          { kind: 'trial-created', trial: created, config, source: 'sampler', basis: 0, draw, reason },
          { kind: 'attempt-started', trial: created, attempt: 1, epoch: 1, agent: 'bench', gpus: 0 },
        )
        running.push({ trial: created, config })
      }
    }
    // Nothing is left to try: the incumbent stands for the budgets to come.
    if (running.length > 0) {
      const [{ trial, config }] = running.splice(rng.int(0, running.length - 1), 1) as [Running]
      const value = task.observe(config)
      tell(...ending(trial, value))
      if (value < best) {
        best = value
        regret = task.truth(config) - task.optimum
      }
    }
    // Six digits as in the baselines, so that the same config gives the same regret there and here.
    if (BUDGETS.some((budget) => budget === finished + 1)) regrets.push(Number(regret.toPrecision(6)))
  }
  return regrets
}

function ending(trial: number, value: number): FactBody[] {
  return [
    { kind: 'report', trial, attempt: 1, step: 1, ordinal: 1, value },
    { kind: 'attempt-ended', trial, attempt: 1, cause: 'succeeded', message: '', gpuSeconds: 0, seconds: 0 },
    { kind: 'trial-ended', trial, state: 'completed', value, reason: 'finished' },
  ]
}
