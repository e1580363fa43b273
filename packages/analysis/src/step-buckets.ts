/** Points of one curve, sorted by step. Times are milliseconds since 1970. */
export interface Curve {
  readonly steps: readonly number[]
  readonly times: readonly number[]
  readonly values: readonly number[]
}

/** Of each bucket its last point, its extremes and its number of points. */
export interface StepBuckets {
  /** Steps of one bucket; a power of two. */
  readonly width: number
  readonly steps: number[]
  readonly times: number[]
  readonly values: number[]
  /** Null where the bucket has nothing but NaN. */
  readonly min: (number | null)[]
  readonly max: (number | null)[]
  readonly counts: number[]
}

/**
 * A curve in at most `most` buckets. Each is `width` steps wide and begins at a multiple of it; the width is the least
 * power of two that will do. So the same points give the same buckets wherever one begins to look, and those of a growing
 * curve stay as they are until twice as many steps have to go into one.
 *
 * @param most at least 2: steps below and from 0 never share a bucket
 * @param least a power of two that the width has at least: what lies closer together is not all there any more
 */
export function stepBuckets({ steps, times, values }: Curve, most: number, least = 1): StepBuckets {
  const width = Math.max(least, bucketWidth(steps, most))
  const buckets: StepBuckets = { width, steps: [], times: [], values: [], min: [], max: [], counts: [] }
  let open: number | undefined
  values.forEach((value, n) => {
    const step = steps[n] ?? 0
    const bucket = Math.floor(step / width)
    if (bucket !== open) {
      open = bucket
      buckets.min.push(null)
      buckets.max.push(null)
      buckets.counts.push(0)
    }
    const at = buckets.counts.length - 1
    buckets.steps[at] = step
    buckets.times[at] = times[n] ?? 0
    buckets.values[at] = value
    buckets.counts[at] = (buckets.counts[at] ?? 0) + 1
    if (Number.isNaN(value)) return
    buckets.min[at] = Math.min(buckets.min[at] ?? value, value)
    buckets.max[at] = Math.max(buckets.max[at] ?? value, value)
  })
  return buckets
}

/**
 * The least power of two for which steps fall into at most so many buckets of that width.
 * @param steps sorted
 */
export function bucketWidth(steps: ArrayLike<number>, most: number): number {
  // Neighbours that are apart in buckets of a width are apart in every smaller one, so it is enough to know for each
  // pair from which width on they are together.
  const apart: number[] = []
  for (let n = 1; n < steps.length; n += 1) {
    const exponent = togetherFrom(steps[n - 1] ?? 0, steps[n] ?? 0)
    apart[exponent] = (apart[exponent] ?? 0) + 1
  }
  let count = steps.length === 0 ? 0 : 1 + apart.reduce((sum, pairs) => sum + pairs, 0) - (apart[0] ?? 0)
  let exponent = 0
  while (count > most && exponent < apart.length) {
    exponent += 1
    count -= apart[exponent] ?? 0
  }
  return 2 ** exponent
}

/** Steps are integers below 2^53: from there on only their sign tells them apart. */
const LARGEST = 53

function togetherFrom(a: number, b: number): number {
  let exponent = 0
  let [left, right] = [a, b]
  while (left !== right && exponent < LARGEST) {
    exponent += 1
    left = Math.floor(left / 2)
    right = Math.floor(right / 2)
  }
  return left === right ? exponent : LARGEST + 1
}
