/** Seeded random numbers, as many as an analysis needs: the same seed gives the same resamples. */
export interface Rng {
  /** A float in [0, 1) with 32 random bits. */
  float(): number
  /** A whole number from 0 to `count` - 1; `count` is at most 2^21. */
  below(count: number): number
}

/**
 * A generator for resampling: mulberry32 (Ettinger), one Weyl sequence through two multiplications. Its 2^32 states are
 * enough for the millions of draws of one analysis; suggestions, which are replayed, have generators of their own.
 *
 * @param seed a whole number; only its last 32 bits count
 */
export function createRng(seed: number): Rng {
  let state = mixed(seed | 0)
  const uint32 = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return { float: () => uint32() / 2 ** 32, below: (count) => Math.floor((uint32() * count) / 2 ** 32) }
}

/** The finaliser of MurmurHash3, so that seeds 1 and 2 do not give the same draws one step apart. */
function mixed(word: number): number {
  let h = word
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** `count` places drawn from as many with replacement: one bootstrap resample (Efron 1979). */
export function resample(count: number, rng: Rng): Int32Array {
  const drawn = new Int32Array(count)
  for (let i = 0; i < count; i += 1) drawn[i] = rng.below(count)
  return drawn
}
