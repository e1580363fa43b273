import { canonicalJson } from '@sweep/spec/config-hash'
import type { Json } from '@sweep/spec/number'
import type { FlatParams } from '@sweep/spec/tracking/params'
import type { RunData } from './run-data.ts'

const SEEDS = new Set(['seed', 'random_seed', 'randomseed', 'rng_seed', 'random_state'])

/** The runs, itself among them, that have the same params but for the seed. */
export function replicatesOf(run: RunData, runs: readonly RunData[]): RunData[] {
  const wanted = settingsOf(run.params)
  return runs.filter((other) => settingsOf(other.params) === wanted)
}

/** The value of the seed; undefined where there is none, or more than one. */
export function seedOf(params: FlatParams): Json | undefined {
  const seeds = Object.keys(params).filter(isSeed)
  return seeds.length === 1 ? params[seeds[0] ?? ''] : undefined
}

function settingsOf(params: FlatParams): string {
  return canonicalJson(Object.fromEntries(Object.entries(params).filter(([name]) => !isSeed(name))))
}

function isSeed(name: string): boolean {
  return SEEDS.has(name.slice(name.lastIndexOf('.') + 1).toLowerCase())
}
