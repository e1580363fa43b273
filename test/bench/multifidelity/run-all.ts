import { z } from 'zod'
import { seedBySeed } from '../seed-by-seed.ts'
import { combinationOf } from './combination.ts'
import type { FidelityTask } from './fidelity-task.ts'
import { type KeptRuns, keptRuns } from './kept-runs.ts'
import { measureTimes, measureToHardest, type Times } from './measure.ts'
import type { FidelityOptions } from './options.ts'
import type { Entrant } from './outcomes.ts'
import { ROUNDS, TARGET_NAMES, type TargetName } from './protocol.ts'

/** Times to the hardest target by task and seed: random search with one worker, and ASHA over it with many. */
export type Speedups = ReadonlyMap<string, { readonly lone: number[]; readonly many: number[] }>
export const MANY = Math.max(...ROUNDS.keys())

export interface Results {
  readonly ours: readonly Entrant[]
  readonly speedups: Speedups
}

export async function runAll(options: FidelityOptions, tasks: readonly FidelityTask[]): Promise<Results> {
  const { combinations, workers, keep } = options
  const kept = keptRuns(keep)
  const results = new Map(combinations.map(({ label }) => [label, new Map<string, Times[]>()]))
  const speedups: Speedups = new Map(tasks.map(({ name }) => [name, { lone: [], many: [] }]))
  await seedBySeed(options, async (seed) => {
    const took: string[] = []
    for (const { label } of combinations) {
      const begin = performance.now()
      for (const task of tasks) {
        for (const crowd of workers) {
          const times = await timesOf(kept, label, task, crowd, seed)
          const ofCombination = results.get(label)!
          const place = placeOf(task.name, crowd)
          ofCombination.set(place, [...(ofCombination.get(place) ?? []), times])
        }
      }
      took.push(`${label} ${((performance.now() - begin) / 1000).toFixed(1)} s`)
    }
    for (const task of tasks) {
      const { lone, many } = speedups.get(task.name)!
      lone.push(await timeToHardest(kept, 'random+none', task, 1, seed))
      many.push(await timeToHardest(kept, 'random+asha', task, MANY, seed))
    }
    return took
  })
  return { ours: combinations.map(({ label }) => entrantOf(label, results.get(label)!)), speedups }
}

/** Targets that were never reached are missing. */
const KeptTimes = z.record(z.enum(TARGET_NAMES as [TargetName, ...TargetName[]]), z.number().optional())

async function timesOf(
  kept: KeptRuns,
  combination: string,
  task: FidelityTask,
  workers: number,
  seed: number,
): Promise<Times> {
  const name = { kind: 'budget', combination, task: task.name, workers, seed }
  return kept.resultOf(name, KeptTimes, () => measureTimes(combinationOf(combination), task, workers, seed))
}

function timeToHardest(
  kept: KeptRuns,
  combination: string,
  task: FidelityTask,
  workers: number,
  seed: number,
): Promise<number> {
  const name = { kind: 'hardest', combination, task: task.name, workers, seed }
  return kept.resultOf(name, z.number(), () => measureToHardest(combinationOf(combination), task, workers, seed))
}

function placeOf(task: string, workers: number): string {
  return `${task} ${workers}`
}

/** Baselines have some of the same names. */
function entrantOf(label: string, byPlace: ReadonlyMap<string, readonly Times[]>): Entrant {
  return {
    label: `our ${label}`,
    hitsAt: ({ task, workers, target }) => {
      const runs = byPlace.get(placeOf(task, workers))
      return runs && { times: runs.map((times) => times[target]), budget: ROUNDS.get(workers)! }
    },
  }
}
