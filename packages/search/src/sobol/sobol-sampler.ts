import { drawHashKey } from '../space-filling/keyed-hash.ts'
import { owenScramble } from '../space-filling/owen-scramble.ts'
import { SHARED_DRAW, spaceFillingSampler } from '../space-filling/space-filling-sampler.ts'
import { SOBOL_DIMENSIONS, sobolDigits } from './sobol-sequence.ts'

/**
 * The Sobol' sequence under Owen's scrambling, by the seed of the sweep. Its first 2^m points hit each of 2^m equal
 * parts of every parameter once, and pairs of parameters are covered about as evenly.
 *
 * The sequence starts at its first point, which scrambling moves away from the corner: leaving it out would break the
 * balance of every 2^m after it (Owen, "On dropping the first Sobol' point", 2020).
 *
 * Parameters past the 128th in the order of the names have no direction numbers and are drawn at random.
 */
export const sobolSampler = spaceFillingSampler('sobol', (dimensions, rngAt) => {
  const shared = rngAt(SHARED_DRAW)
  const keys = Array.from({ length: Math.min(dimensions, SOBOL_DIMENSIONS) }, () => drawHashKey(shared))
  return (draw) => {
    const point = keys.map((key, dimension) => owenScramble(sobolDigits(dimension, draw), key))
    if (dimensions > point.length) {
      const rng = rngAt(draw)
      while (point.length < dimensions) point.push(rng.float())
    }
    return point
  }
})
