import type { Json } from '@sweep/spec/number'
import { type Config, SearchSpace } from '@sweep/spec/search-space'
import type { Rng } from '../rng.ts'
import type { SweepPoints, TrialPoint } from '../trial-points.ts'

type Sketch = { readonly name: string; readonly type: string } & Record<string, unknown>

export function spaceOf(...parameters: readonly Sketch[]): SearchSpace {
  return SearchSpace.parse({ parameters: parameters.map((parameter) => ({ path: [parameter.name], ...parameter })) })
}

export const unit = (name: string): Sketch => ({ name, type: 'float', min: 0, max: 1 })
export const choice = (name: string, ...values: readonly Json[]): Sketch => ({ name, type: 'choice', values })

/** Completed trials, numbered from 1. */
export function completed(rows: readonly (readonly [Config, number])[]): TrialPoint[] {
  return rows.map(([config, value], index) => ({ number: index + 1, state: 'completed', config, value }))
}

/** Trials with parameters of unit range, drawn at random, and the loss that `lossOf` gives them. */
export function drawn(
  names: readonly string[],
  count: number,
  rng: Rng,
  lossOf: (config: Readonly<Record<string, number>>) => number,
): SweepPoints {
  const trials = Array.from({ length: count }, (): [Config, number] => {
    const config = Object.fromEntries(names.map((name) => [name, rng.float()]))
    return [config, lossOf(config)]
  })
  return { space: spaceOf(...names.map(unit)), trials: completed(trials), goal: 'minimize' }
}
