import type { Member, Population } from '../pbt/population.ts'
import { entries, find } from '../persistent/tree.ts'

/** What training for about an interval with the config of a trial has brought. */
export interface Gain {
  readonly trial: number
  /** When it was over, in intervals since the beginning of the training. */
  readonly time: number
  /** By how much the loss fell in a unit of resource; minus infinity where it was no number any more. */
  readonly perUnit: number
}

/** The gains of all trials there were, by trial. */
export function gainsOf(population: Population): readonly Gain[] {
  return Array.from(entries(population.members), ({ a: trial, value }) => gainsOfTrial(population, trial, value)).flat()
}

/** From each report that is the first at its level to the next; a copy begins with what its parent came to. */
function gainsOfTrial({ settings, children }: Population, trial: number, { progress }: Member): Gain[] {
  const { history } = progress
  const start = find(children, trial)
  const gains: Gain[] = []
  let last = start?.from
  for (let i = 0; i < history.length; i += 1) {
    const resource = settings.resource === 'step' ? history.steps[i]! : (start?.reports ?? 0) + i + 1
    const loss = history.losses[i]!
    if (last === undefined) {
      last = { resource, loss }
      continue
    }
    if (Math.floor(resource / settings.interval) <= Math.floor(last.resource / settings.interval)) continue
    const perUnit = (last.loss - loss) / (resource - last.resource)
    // From infinity to infinity there is nothing to be seen, and from it back to a number no size of the gain.
    if (perUnit < Number.POSITIVE_INFINITY) gains.push({ trial, time: resource / settings.interval, perUnit })
    last = { resource, loss }
  }
  return gains
}

/** Trials whose gain is not known yet, those that have not begun included. */
export function awaitedTrials({ awaited, children, training }: Population, gains: readonly Gain[]): readonly number[] {
  const known = new Set(gains.map(({ trial }) => trial))
  const live = [awaited, children, training.losses].flatMap((tree) => Array.from(entries<unknown>(tree), ({ a }) => a))
  return [...new Set(live)].filter((trial) => !known.has(trial))
}

/**
 * What the model learns of gains: how each stands among those of the same interval, as losses fall fast at first and
 * slowly later, whatever the config. Mean 0 in each interval, variance 1 where they differ. What ended in no number counts
 * as the worst.
 */
export function gainTargets(gains: readonly Gain[]): number[] {
  const byInterval = new Map<number, number[]>()
  for (const { time, perUnit } of gains) {
    const interval = Math.floor(time)
    byInterval.set(interval, [...(byInterval.get(interval) ?? []), perUnit])
  }
  const standardisers = new Map(Array.from(byInterval, ([interval, values]) => [interval, standardiser(values)]))
  return gains.map(({ time, perUnit }) => standardisers.get(Math.floor(time))!(perUnit))
}

function standardiser(values: readonly number[]): (value: number) => number {
  const worst = Math.min(...values.filter(Number.isFinite))
  const finite = values.map((value) => Math.max(value, worst))
  const mean = finite.reduce((sum, value) => sum + value / finite.length, 0)
  const deviation = Math.sqrt(finite.reduce((sum, value) => sum + (value - mean) ** 2 / finite.length, 0))
  return (value) => {
    const standard = (Math.max(value, worst) - mean) / deviation
    return Number.isFinite(standard) ? standard : 0
  }
}
