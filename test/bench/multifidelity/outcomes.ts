import { mean, median } from '../search/statistics.ts'
import type { TargetName } from './protocol.ts'

/** Where something was measured. */
export interface Place {
  readonly task: string
  readonly workers: number
}

/** One place and one target in it. */
export interface Cell extends Place {
  readonly target: TargetName
}

/** How long each seed took to the target, in full trainings; undefined where the budget ended first. */
export interface Hits {
  readonly times: readonly (number | undefined)[]
  readonly budget: number
}

/** A combination of sampler and pruner, ours or measured by others. */
export interface Entrant {
  readonly label: string
  readonly hitsAt: (cell: Cell) => Hits | undefined
}

/** Times with the budget in place of what never came: as low as the truth can be. */
export function boundedTimes({ times, budget }: Hits): number[] {
  return times.map((time) => time ?? budget)
}

/** The mean of the bounded times, by which entrants are compared: it exists also where most seeds never got there. */
export function meanTime(hits: Hits): number {
  return mean(boundedTimes(hits))
}

/** Infinite when more than half of the seeds never got there. */
export function medianTime({ times }: Hits): number {
  return median(times.map((time) => time ?? Number.POSITIVE_INFINITY))
}

export function hitCount({ times }: Hits): number {
  return times.filter((time) => time !== undefined).length
}
