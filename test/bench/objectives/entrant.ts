import { mean } from '../search/statistics.ts'
import type { Shares } from './run-objectives.ts'

/** A sampler in the comparison, ours or measured by others: its shares by task, means over the seeds. */
export interface Entrant {
  readonly label: string
  readonly byTask: ReadonlyMap<string, Shares>
}

export function meanShares(runs: readonly Shares[]): Shares {
  const at = (budget: keyof Shares) => mean(runs.map((shares) => shares[budget]))
  return { 50: at(50), 100: at(100), 200: at(200) }
}
