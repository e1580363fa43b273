/**
 * How many steps go into a bucket so that there are at most `most` buckets: the least power of two that will do. So the
 * same steps give the same buckets wherever one begins to look, and those of a growing curve stay as they are until twice
 * as many steps have to go into one.
 *
 * @param steps whole numbers in any order
 * @param most at least 2: steps below and from 0 never share a bucket
 */
export function stepWidth(steps: readonly number[], most: number): number {
  let buckets = new Set(steps)
  let width = 1
  while (buckets.size > most) {
    width *= 2
    buckets = new Set([...buckets].map((bucket) => Math.floor(bucket / 2)))
  }
  return width
}
