import { mix, type Rng } from '../rng.ts'

/** Two random words that pick one function out of a family of hashes. */
export type HashKey = readonly [number, number]

export function drawHashKey(rng: Rng): HashKey {
  return [rng.uint32(), rng.uint32()]
}

/** Two rounds, because one leaves words that differ little alike in some bits for some keys. */
export function keyedHash(word: number, [first, second]: HashKey): number {
  return mix(mix(word ^ first) + second) >>> 0
}
