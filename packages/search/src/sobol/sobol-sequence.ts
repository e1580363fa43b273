import { JOE_KUO } from './joe-kuo.ts'

/** Dimensions with direction numbers. */
export const SOBOL_DIMENSIONS = JOE_KUO.length + 1

/** v_1 to v_32 of each dimension, as 32-bit fractions. */
const DIRECTIONS: readonly Uint32Array[] = [firstDimension(), ...JOE_KUO.map(directions)]

/**
 * Coordinate of a point of the Sobol' sequence, as its first 32 binary digits: the point is this over 2^32.
 *
 * The points come in the order of Sobol' 1967, x_n = n_1 v_1 + n_2 v_2 + ..., so that any of them can be had without
 * those before it. The Gray code order of Antonov and Saleev that SciPy and others use has the same first 2^m points.
 *
 * @param dimension from 0 to SOBOL_DIMENSIONS - 1
 * @param index from 0; the sequence starts over after 2^32 points
 */
export function sobolDigits(dimension: number, index: number): number {
  const own = DIRECTIONS[dimension]!
  let digits = 0
  for (let rest = index >>> 0, bit = 0; rest !== 0; rest >>>= 1, bit += 1) if (rest & 1) digits ^= own[bit]!
  return digits >>> 0
}

/** The van der Corput sequence. */
function firstDimension(): Uint32Array {
  return Uint32Array.from({ length: 32 }, (_, bit) => 2 ** (31 - bit))
}

/** The recurrence of Joe and Kuo 2008, equation 2.2, on the v_i instead of the m_i. */
function directions({ inner, initial }: (typeof JOE_KUO)[number]): Uint32Array {
  const degree = initial.length
  const v = new Uint32Array(32)
  for (let i = 0; i < 32; i += 1) {
    if (i < degree) {
      v[i] = initial[i]! * 2 ** (31 - i)
      continue
    }
    let next = v[i - degree]! ^ (v[i - degree]! >>> degree)
    for (let k = 1; k < degree; k += 1) if ((inner >>> (degree - 1 - k)) & 1) next ^= v[i - k]!
    v[i] = next
  }
  return v
}
