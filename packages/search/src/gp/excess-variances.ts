/**
 * Share of what a variance seems to be above the typical one that is believed: the variance of few values is itself mostly
 * noise. Believed whole, lucky configs whose runs happened to agree are taken for sure, and the search does worse than if
 * it knew nothing of spreads (docs/search/replicates.md).
 */
const BELIEVED = 1 / 3
/** Of a target, beside a variance of 1 between them all: more says no more than that nothing is known. */
const MOST = 100

/**
 * How much noisier than most each target is: the model learns the noise that all have from the targets themselves.
 *
 * @param spreads standard errors of the losses, 0 where none is known
 * @param slopes by how much each target moves with its loss
 */
export function excessVariances(spreads: readonly number[], slopes: Float64Array): Float64Array {
  const known = spreads.filter((spread) => spread > 0).sort((a, b) => a - b)
  const typical = known[known.length >> 1] ?? 0
  return Float64Array.from(spreads, (spread, i) => {
    if (!(spread > typical)) return 0
    // As a product of sum and difference, since squares of large losses are beyond the largest double.
    const excess = BELIEVED * (spread - typical) * slopes[i]! * ((spread + typical) * slopes[i]!)
    return Number.isNaN(excess) ? MOST : Math.min(excess, MOST)
  })
}
