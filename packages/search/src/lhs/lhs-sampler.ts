import type { RngAt } from '../sampler.ts'
import { sobolDigits } from '../sobol/sobol-sequence.ts'
import { drawHashKey } from '../space-filling/keyed-hash.ts'
import { owenScramble } from '../space-filling/owen-scramble.ts'
import { SHARED_DRAW, spaceFillingSampler } from '../space-filling/space-filling-sampler.ts'
import { permuted } from './permutation.ts'

/**
 * Latin hypercubes that double: for every m, the first 2^m points use each of 2^m equal strata of every parameter once,
 * at a random place inside it, and so do the 2^m points that follow. Which points of the parameters meet is random.
 *
 * McKay, Beckman and Conover, "A Comparison of Three Methods for Selecting Values of Input Variables in the Analysis of
 * Output from a Computer Code", Technometrics 21(2), 1979. Theirs is one hypercube of a size known beforehand. A sweep
 * may be stopped or prolonged, so here every block of 2^m draws fills the gaps that the 2^m before it left when the
 * strata are halved (nested as in Qian, "Nested Latin hypercube designs", Biometrika 96(4), 2009).
 *
 * One parameter alone is the van der Corput sequence under Owen's scrambling, which fills gaps in just this way, with
 * the points of each block shuffled, for each parameter anew.
 */
export const lhsSampler = spaceFillingSampler('lhs', (dimensions, rngAt) => {
  const scrambles = keysOf(dimensions, rngAt, SHARED_DRAW)
  let block = { first: -1, keys: scrambles }
  return (draw) => {
    const bits = draw === 0 ? 0 : 31 - Math.clz32(draw)
    // The block of draw 0 has that draw alone, as has the one of draw 1.
    const first = draw === 0 ? 0 : 2 ** bits
    if (block.first !== first) block = { first, keys: keysOf(dimensions, rngAt, first) }
    return scrambles.map((scramble, dimension) => {
      const index = first + permuted(draw - first, bits, block.keys[dimension]!)
      return owenScramble(sobolDigits(0, index), scramble)
    })
  }
})

function keysOf(dimensions: number, rngAt: RngAt, draw: number) {
  const rng = rngAt(draw)
  return Array.from({ length: dimensions }, () => drawHashKey(rng))
}
