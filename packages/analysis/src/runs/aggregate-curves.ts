import { stepWidth } from '../step-width.ts'

/** Points of one run, by step. */
export interface RunCurve {
  readonly steps: readonly number[]
  readonly values: readonly number[]
}

/** What some runs have come to between two steps. Every run counts once, however often it has reported. */
export interface AggregateBucket {
  /** First step of the bucket, a multiple of the width. */
  readonly step: number
  /** Runs with a finite value in it. */
  readonly runs: number
  readonly min: number
  readonly max: number
  /** Mean over the runs of the mean of each. */
  readonly avg: number
  /** Mean over the runs of the newest value of each. */
  readonly last: number
}

export interface Aggregate {
  /** Steps of a bucket; a power of two. */
  readonly bucketSteps: number
  /** By step; those without a finite value are left out. */
  readonly buckets: readonly AggregateBucket[]
}

/**
 * One metric of several runs by buckets of steps, which all runs share: where one reports every step and another every
 * tenth, both count the same. Values that are not finite are left out.
 *
 * @param most buckets there may be, at least 2
 */
export function aggregateCurves(curves: readonly RunCurve[], most: number): Aggregate {
  const width = stepWidth(
    curves.flatMap(({ steps }) => steps),
    most,
  )
  const buckets = new Map<number, Part[]>()
  for (const curve of curves) {
    for (const [bucket, part] of partsOf(curve, width)) {
      const parts = buckets.get(bucket) ?? []
      buckets.set(bucket, parts)
      parts.push(part)
    }
  }
  const sorted = [...buckets].sort(([a], [b]) => a - b)
  return {
    bucketSteps: width,
    buckets: sorted.map(([bucket, parts]) => ({
      step: bucket * width,
      runs: parts.length,
      min: parts.reduce((least, part) => Math.min(least, part.min), Number.POSITIVE_INFINITY),
      max: parts.reduce((most, part) => Math.max(most, part.max), Number.NEGATIVE_INFINITY),
      avg: meanOf(parts, ({ mean }) => mean),
      last: meanOf(parts, ({ last }) => last),
    })),
  }
}

/** Of one run in one bucket. */
interface Part {
  readonly count: number
  readonly mean: number
  readonly min: number
  readonly max: number
  readonly last: number
}

function partsOf({ steps, values }: RunCurve, width: number): Map<number, Part> {
  const parts = new Map<number, Part>()
  values.forEach((value, n) => {
    if (!Number.isFinite(value)) return
    const bucket = Math.floor((steps[n] ?? 0) / width)
    const before = parts.get(bucket)
    parts.set(bucket, before === undefined ? first(value) : joined(before, value))
  })
  return parts
}

function first(value: number): Part {
  return { count: 1, mean: value, min: value, max: value, last: value }
}

function joined(before: Part, value: number): Part {
  const count = before.count + 1
  return {
    count,
    // Moved by its share rather than summed, which could leave the doubles.
    mean: before.mean * (before.count / count) + value / count,
    min: Math.min(before.min, value),
    max: Math.max(before.max, value),
    last: value,
  }
}

function meanOf(parts: readonly Part[], pick: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + pick(part) / parts.length, 0)
}
