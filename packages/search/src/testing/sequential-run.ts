import type { PastResult, SweepDocument } from '@sweep/spec/document/sweep-document'
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
}

export interface SequentialRun {
  readonly sampler: SamplerRun
  readonly configs: readonly Config[]
  readonly reasons: readonly string[]
}

/** The sampler of a method before its first trial. */
export function startMethod(method: SweepDocument['method'], options: RunOptions): SamplerRun {
  const { space, seed = 1, goal = 'minimize', past: results = [] } = options
  const metric = { name: 'loss', goal }
  return createSearch(documentOf({ method, seed, space, metric, warmStart: { results } })).sampler
}

/** The end of a trial with this value, by which it has failed when it is null. */
export function finished(
  trial: number,
  value: number | null,
  state: 'completed' | 'pruned' | 'failed' = value === null ? 'failed' : 'completed',
): FactBody {
  return { kind: 'trial-ended', trial, state, value, reason: 'test' }
}

/** One trial after the other of an objective, until so many have ended or the space is used up. */
export function runMethod(
  method: SweepDocument['method'],
  trials: number,
  objective: (config: Config) => number | null,
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
