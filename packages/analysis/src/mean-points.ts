import { configHash } from '@sweep/spec/config-hash'
import { mean } from './statistics/describe.ts'
import type { TrialPoint } from './trial-points.ts'

/**
 * Of a sweep that runs each config with several seeds, one point a config: the mean of its completed trials, under the
 * number of the first. As they are they would pass for so many configs that happen to lie in one place, and a model that
 * has seen one of them would seem to foretell the others. Trials that were pruned or failed stay as they are.
 */
export function meanPoints(trials: readonly TrialPoint[]): TrialPoint[] {
  const groups = new Map<string, TrialPoint[]>()
  const others: TrialPoint[] = []
  for (const trial of trials) {
    if (trial.state !== 'completed' || trial.value === null || !Number.isFinite(trial.value)) {
      others.push(trial)
      continue
    }
    const hash = configHash(trial.config)
    const group = groups.get(hash)
    if (group === undefined) groups.set(hash, [trial])
    else group.push(trial)
  }
  const means = [...groups.values()].map((group) => ({ ...group[0]!, value: mean(group.map(({ value }) => value!)) }))
  return [...means, ...others].sort((a, b) => a.number - b.number)
}
