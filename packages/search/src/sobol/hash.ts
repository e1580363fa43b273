import type { Rng } from '../rng.ts'

/** Two random words that pick one function out of a family of hashes. */
export type HashKey = readonly [number, number]

export function drawHashKey(rng: Rng): HashKey {
  return [rng.uint32(), rng.uint32()]
}

/** Two rounds, because one leaves words that differ little alike in some bits for some keys. */
export function keyedHash(word: number, [first, second]: HashKey): number {
  return mix(mix(word ^ first) + second) >>> 0
}

// To merge: rng.ts has the same function, not exported.
/** The finaliser of MurmurHash3 (Appleby), a bijection on 32 bits. */
function mix(word: number): number {
  let h = word | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
