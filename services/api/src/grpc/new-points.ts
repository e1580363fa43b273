import type { RunSeries } from '@sweep/store/tracking/run-series'

/** Points in one message: about 100 KB. */
export const MOST_POINTS = 4096

export interface MetricPoints {
  readonly key: string
  readonly steps: readonly number[]
  readonly times: readonly number[]
  readonly values: readonly number[]
  /** How many of the points that were sent still hold; absent: all. */
  readonly replacesFrom?: number
}

/** How many points the two begin with in common. */
export function commonPoints(before: RunSeries, now: RunSeries): number {
  const most = Math.min(before.steps.length, now.steps.length)
  for (let n = 0; n < most; n += 1) {
    const isSame =
      before.steps[n] === now.steps[n] &&
      before.times[n] === now.times[n] &&
      // NaN is the same as NaN here.
      Object.is(before.values[n], now.values[n])
    if (!isSame) return n
  }
  return most
}

/** What to send to whoever has `before`, so that it has `now`, in messages of a bearable size. */
export function newPoints(key: string, before: RunSeries, now: RunSeries): MetricPoints[] {
  const common = commonPoints(before, now)
  const isReplaced = common < before.steps.length
  const messages: MetricPoints[] = []
  for (let begin = common; begin < now.steps.length; begin += MOST_POINTS) {
    const cut = (list: readonly number[]) => list.slice(begin, begin + MOST_POINTS)
    messages.push({ key, steps: cut(now.steps), times: cut(now.times), values: cut(now.values) })
  }
  if (!isReplaced) return messages
  const [first = { key, steps: [], times: [], values: [] }, ...rest] = messages
  return [{ ...first, replacesFrom: common }, ...rest]
}

/** The points from a step on. */
export function fromStep(series: RunSeries, step: number | undefined): RunSeries {
  if (step === undefined) return series
  const found = series.steps.findIndex((one) => one >= step)
  const begin = found === -1 ? series.steps.length : found
  const cut = (list: readonly number[]) => list.slice(begin)
  return { steps: cut(series.steps), times: cut(series.times), values: cut(series.values) }
}
