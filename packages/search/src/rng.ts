import { exactExp, exactLog } from './exact-math.ts'

/** Seeded random numbers. Two generators made from the same seed, draw and purpose give the same sequence everywhere. */
export interface Rng {
  /** An integer from 0 to 2^32 - 1. */
  uint32(): number
  /** A float in [0, 1) with 53 random bits. */
  float(): number
  /** An integer from `min` to `max`, both included, each as likely as the others; both must be safe integers. */
  int(min: number, max: number): number
  /** Standard normal. */
  normal(): number
  /** Gamma with the given shape (> 0) and scale 1. */
  gamma(shape: number): number
  /** Beta with shapes `a` and `b`, both > 0. */
  beta(a: number, b: number): number
  /** A shuffled copy. */
  shuffle<T>(items: readonly T[]): T[]
}

/**
 * The generator of one suggestion. Every (seed, draw, purpose) has a stream of its own, so what a draw gives depends on
 * nothing that was drawn before it: a restarted controller goes on from the number of the next draw alone.
 *
 * @param seed of the sweep, a safe integer
 * @param draw index of the suggestion, from 0
 * @param purpose separates generators that serve different needs of one draw
 */
export function rngFor(seed: number, draw: number, purpose = ''): Rng {
  const words = [seed % 2 ** 32, Math.floor(seed / 2 ** 32), draw % 2 ** 32, Math.floor(draw / 2 ** 32)]
  for (let i = 0; i < purpose.length; i += 1) words.push(purpose.charCodeAt(i))
  return createRng(absorb(words))
}

/** Four 32-bit lanes, each a chain of MurmurHash3 finalisers over all the words. */
function absorb(words: readonly number[]): [number, number, number, number] {
  const lanes: [number, number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0x6a09e667]
  for (const [index, word] of words.entries()) {
    for (const lane of [0, 1, 2, 3] as const)
      lanes[lane] = mix(lanes[lane] ^ mix(word + Math.imul(index + 1, 0x85157af5)))
    lanes[0] = (lanes[0] + lanes[3]) | 0
  }
  return lanes
}

/** The finaliser of MurmurHash3 (Appleby), a bijection on 32 bits. */
export function mix(word: number): number {
  let h = word | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** sfc32 of PractRand (Doty-Humphrey): 128 bits of state, passes its tests to 32 TB, and needs only 32-bit sums. */
function createRng(lanes: readonly [number, number, number, number]): Rng {
  let [a, b, c, counter] = lanes

  function uint32(): number {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }

  function float(): number {
    return ((uint32() >>> 5) * 2 ** 26 + (uint32() >>> 6)) / 2 ** 53
  }

  function int(min: number, max: number): number {
    const count = max - min + 1
    if (count <= 2 ** 32) {
      // Words past the last whole multiple of `count` are thrown away: taking the remainder of all would favour the low ones.
      const limit = 2 ** 32 - (2 ** 32 % count)
      let word = uint32()
      while (word >= limit) word = uint32()
      return min + (word % count)
    }
    // Past 2^53 the number of values is no longer a double, so the wide case counts in whole numbers.
    const wide = BigInt(max) - BigInt(min) + 1n
    const limit = 2n ** 64n - (2n ** 64n % wide)
    for (;;) {
      const word = (BigInt(uint32()) << 32n) | BigInt(uint32())
      if (word < limit) return Number(BigInt(min) + (word % wide))
    }
  }

  /** Marsaglia's polar method: only sqrt and log, no trigonometry. */
  function normal(): number {
    for (;;) {
      const x = 2 * float() - 1
      const y = 2 * float() - 1
      const s = x * x + y * y
      if (s > 0 && s < 1) return x * Math.sqrt((-2 * exactLog(s)) / s)
    }
  }

  /** log of a gamma variate: for shapes near 0 the variate itself is often below the smallest double. */
  function logGamma(shape: number): number {
    // Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; shapes below 1 by their section 6.
    if (shape < 1) return logGamma(shape + 1) + exactLog(1 - float()) / shape
    const d = shape - 1 / 3
    const k = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = normal()
      const root = 1 + k * x
      if (root <= 0) continue
      const v = root * root * root
      if (exactLog(1 - float()) < 0.5 * x * x + d - d * v + d * exactLog(v)) return exactLog(d) + exactLog(v)
    }
  }

  const gamma = (shape: number) => exactExp(logGamma(shape))

  function beta(first: number, second: number): number {
    const difference = logGamma(second) - logGamma(first)
    return 1 / (1 + exactExp(difference))
  }

  function shuffle<T>(items: readonly T[]): T[] {
    const copy = [...items]
    for (let i = copy.length - 1; i > 0; i -= 1) {
      const j = int(0, i)
      const kept = copy[i]!
      copy[i] = copy[j]!
      copy[j] = kept
    }
    return copy
  }

  // The first words still show the seed; sfc32's author discards twelve.
  for (let i = 0; i < 12; i += 1) uint32()
  return { uint32, float, int, normal, gamma, beta, shuffle }
}
