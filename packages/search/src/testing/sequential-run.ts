import type { Constraint, Metric, PastResult, SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import type { SamplerRun } from '../sampler.ts'
import { createSearch } from '../search.ts'
import { documentOf } from './documents.ts'
import { created } from './histories.ts'

export interface RunOptions {
  readonly space: SearchSpace
  readonly seed?: number
  readonly goal?: 'minimize' | 'maximize'
  readonly past?: readonly PastResult[]
  /** Several objectives, in place of one that is called `loss`. */
  readonly objectives?: readonly Omit<Metric, 'summary'>[]
  readonly constraints?: readonly Constraint[]
}

export interface SequentialRun {
  readonly sampler: SamplerRun
  readonly configs: readonly Config[]
  readonly reasons: readonly string[]
}

/** The sampler of a method before its first trial. */
export function startMethod(method: SweepDocument['method'], options: RunOptions): SamplerRun {
  const { space, seed = 1, goal = 'minimize', past: results = [] } = options
  const { objectives, constraints } = options
  const metric = objectives?.[0] ?? { name: 'loss', goal }
  return createSearch(documentOf({ method, seed, space, metric, objectives, constraints, warmStart: { results } }))
    .sampler
}

/** What a trial gives: its loss, or values of objectives and constraints by name; null when it fails. */
export type Outcome = number | null | Readonly<Record<string, number>>

/** The end of a trial with this outcome. */
export function finished(
  trial: number,
  outcome: Outcome,
  state: 'completed' | 'pruned' | 'failed' = outcome === null ? 'failed' : 'completed',
): FactBody {
  if (outcome === null || typeof outcome === 'number') {
    return { kind: 'trial-ended', trial, state, value: outcome, reason: 'test' }
  }
  return { kind: 'trial-ended', trial, state, value: outcome['loss'] ?? null, values: outcome, reason: 'test' }
}

/** One trial after the other of an objective, until so many have ended or the space is used up. */
export function runMethod(
  method: SweepDocument['method'],
  trials: number,
  objective: (config: Config) => Outcome,
  options: RunOptions,
): SequentialRun {
  let sampler = startMethod(method, options)
  const configs: Config[] = []
  const reasons: string[] = []
  for (let trial = 1; trial <= trials; trial += 1) {
    const [suggestion] = sampler.ask(1).suggestions
    if (suggestion === undefined) break
    const { config, draw, reason } = suggestion
    configs.push(config)
    reasons.push(reason)
    sampler = sampler.tell(created(trial, config, draw)).tell(finished(trial, objective(config)))
  }
  return { sampler, configs, reasons }
}
