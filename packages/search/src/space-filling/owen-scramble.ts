import { type HashKey, keyedHash } from './keyed-hash.ts'

/**
 * A fraction in [0, 1) whose first 32 binary digits are given, under nested uniform scrambling: whether a digit is
 * flipped is random, and depends on all the digits before it. Intervals of length 2^-m are so exchanged as wholes, which
 * keeps a net a net, while every point alone becomes uniform.
 *
 * Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences", 1995. The random tree is a hash of the path, as in Burley,
 * "Practical Hash-based Owen Scrambling", Journal of Computer Graphics Techniques 9(4), 2020; his short cut, one hash for
 * all digits at once, is for millions of points a second and scrambles less well, so each digit has a hash of its own.
 *
 * Digits 33 to 53 are random outright, for among 2^32 points no two share a path that long.
 */
export function owenScramble(digits: number, key: HashKey): number {
  let flips = 0
  for (let depth = 0; depth < 32; depth += 1) {
    // The 1 in front tells the path 0 from the path 00. In two steps, as a shift by 32 shifts by 0.
    const path = ((digits >>> (31 - depth)) >>> 1) + 2 ** depth
    flips = (flips << 1) | (keyedHash(path, key) >>> 31)
  }
  const tail = keyedHash(digits, [key[1], key[0]]) >>> 11
  return (((digits ^ flips) >>> 0) * 2 ** 21 + tail) / 2 ** 53
}
