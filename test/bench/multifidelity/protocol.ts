import { median } from '../search/statistics.ts'

/** How the suite's baselines of many fidelities were measured, and so ours: run_multifidelity.py of the suite. */

/** Budgets by number of workers, in times of the median full training of a random config. */
export const ROUNDS: ReadonlyMap<number, number> = new Map([
  [1, 30],
  [8, 8],
  [32, 5],
])

/** At most so many trials are started. */
export const MOST_TRIALS = 1000

export const REDUCTION_FACTOR = 3

/** Steps at which trials report: the lowest, each three times the one before, and the last. */
export function rungsOf(maxResource: number): number[] {
  const rungs = []
  for (let rung = maxResource === 81 ? 3 : 1; rung < maxResource; rung *= REDUCTION_FACTOR) rungs.push(rung)
  return [...rungs, maxResource]
}

/** A target is the value that this share of random configs reach, fully trained. */
const TARGET_SHARES = { 'top10%': 0.1, 'top2%': 0.02, 'top0.5%': 0.005 } as const
export type TargetName = keyof typeof TARGET_SHARES
export const TARGET_NAMES = Object.keys(TARGET_SHARES) as readonly TargetName[]
export const HARDEST: TargetName = 'top0.5%'
export type ByTarget<T> = Readonly<Record<TargetName, T>>

/** What full trainings of random configs came to: their values without noise, and how long they took. */
export interface Population {
  readonly values: readonly number[]
  readonly seconds: readonly number[]
}

/** How many random configs are a population, and what they are drawn with. */
export const POPULATION = { size: 5000, seed: 5 } as const

export interface Yardstick {
  readonly targets: ByTarget<number>
  /** The median full training, the unit of time. */
  readonly fullSeconds: number
}

export function yardstickOf({ values, seconds }: Population): Yardstick {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    targets: byTarget((name) => sorted[Math.floor(TARGET_SHARES[name] * sorted.length)]!),
    fullSeconds: median(seconds),
  }
}

export function byTarget<T>(of: (name: TargetName) => T): ByTarget<T> {
  return Object.fromEntries(TARGET_NAMES.map((name) => [name, of(name)])) as ByTarget<T>
}
