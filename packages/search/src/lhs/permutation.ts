import { type HashKey, keyedHash } from '../space-filling/keyed-hash.ts'

/** Six rounds: four look random (Luby and Rackoff 1988), and the halves of a short index are only a few bits. */
const ROUNDS = 6

/**
 * Where a random permutation of the numbers below 2^bits takes one of them, without making the others: a Feistel network
 * over the two halves of the number's bits, each round of which can be undone whatever the hash.
 *
 * @param bits from 0 to 32
 */
export function permuted(index: number, bits: number, key: HashKey): number {
  const lowBits = bits >>> 1
  const highBits = bits - lowBits
  let low = index % 2 ** lowBits
  let high = Math.floor(index / 2 ** lowBits)
  for (let round = 0; round < ROUNDS; round += 1) {
    // Words of different rounds differ in their top bits, which no half of an index reaches.
    high = (high ^ (keyedHash(low + round * 2 ** 20, key) % 2 ** highBits)) >>> 0
    low = (low ^ (keyedHash(high + (round + 8) * 2 ** 20, key) % 2 ** lowBits)) >>> 0
  }
  return high * 2 ** lowBits + low
}
