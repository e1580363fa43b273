import { bucketWidth } from './step-buckets.ts'

/** Points of one metric in the order they came, by steps that may go back. */
export interface PointStream {
  readonly steps: readonly number[]
  readonly values: readonly number[]
}

export interface ThinnedPoints {
  /** Steps of one bucket; a power of two. */
  readonly width: number
  /** Of each attempt, then of what was logged to the run itself, the places of the points that stay, ascending. */
  readonly kept: readonly (readonly number[])[]
}

/**
 * Which points of a metric of a run stay when it may have so many buckets: of each bucket the last, one of the least and
 * one of the largest. They are points as they came, so everybody reads them as before, and `stepBuckets` of what stays
 * gives the last points and the extremes that it gave of all, for buckets of this width or wider.
 *
 * A later attempt takes the place of an earlier one from its first step on. So that point of it stays too, and buckets of
 * the earlier one end there.
 *
 * @param attempts of its trial, in their order
 * @param own what was logged to the run itself; empty where nothing was
 * @param most buckets, at least 2
 * @param least a power of two that the width has at least: what was thinned out before is not all there
 */
export function thinPoints(attempts: readonly PointStream[], own: PointStream, most: number, least = 1): ThinnedPoints {
  const cuts = replacedFrom(attempts)
  const standing = attempts.flatMap(({ steps }, n) => steps.filter((step) => step < (cuts[n] ?? 0)))
  // Not by one spread: there may be more of them than arguments.
  const all = Float64Array.from(standing.concat(own.steps)).sort()
  const width = Math.max(least, bucketWidth(all, most))
  const streams = [...attempts, own]
  return { width, kept: streams.map((stream, n) => keptOf(stream, width, cuts[n] ?? Number.POSITIVE_INFINITY)) }
}

/** For each attempt the step from which on a later one counts instead. */
function replacedFrom(attempts: readonly PointStream[]): number[] {
  const cuts = new Array<number>(attempts.length)
  let cut = Number.POSITIVE_INFINITY
  for (let n = attempts.length - 1; n >= 0; n -= 1) {
    cuts[n] = cut
    cut = (attempts[n]?.steps ?? []).reduce((least, step) => Math.min(least, step), cut)
  }
  return cuts
}

interface Bucket {
  last: number
  least: number | undefined
  largest: number | undefined
}

function keptOf({ steps, values }: PointStream, width: number, cut: number): number[] {
  const kept = new Set<number>()
  let open: { readonly place: number; readonly isReplaced: boolean; readonly bucket: Bucket } | undefined
  const close = () => {
    if (open === undefined) return
    const { last, least, largest } = open.bucket
    for (const n of [last, least, largest]) if (n !== undefined) kept.add(n)
  }
  const order = byStep(steps)
  for (const n of order) {
    const step = steps[n] ?? 0
    const place = Math.floor(step / width)
    const isReplaced = step >= cut
    if (open === undefined || open.place !== place || open.isReplaced !== isReplaced) {
      close()
      open = { place, isReplaced, bucket: { last: n, least: undefined, largest: undefined } }
    }
    const { bucket } = open
    bucket.last = n
    const value = values[n] ?? Number.NaN
    if (Number.isNaN(value)) continue
    if (bucket.least === undefined || value < (values[bucket.least] ?? 0)) bucket.least = n
    if (bucket.largest === undefined || value > (values[bucket.largest] ?? 0)) bucket.largest = n
  }
  close()
  const [first] = order
  if (first !== undefined) kept.add(first)
  return [...kept].sort((a, b) => a - b)
}

/** Places of points by step; those of one step in the order they came. */
function byStep(steps: readonly number[]): readonly number[] {
  const places = Array.from(steps, (_, n) => n)
  const isSorted = steps.every((step, n) => n === 0 || step >= (steps[n - 1] ?? 0))
  return isSorted ? places : places.sort((a, b) => (steps[a] ?? 0) - (steps[b] ?? 0) || a - b)
}
