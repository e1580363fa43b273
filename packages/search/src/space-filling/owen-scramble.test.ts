import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { sobolDigits } from '../sobol/sobol-sequence.ts'
import { drawHashKey, type HashKey } from './keyed-hash.ts'
import { owenScramble } from './owen-scramble.ts'

const keyOf = (seed: number) => drawHashKey(rngFor(seed, 0))
const digits = fc.integer({ min: 0, max: 2 ** 32 - 1 })

test('two fractions agree on as many leading digits after scrambling as before', () => {
  fc.assert(
    fc.property(fc.nat(), digits, digits, fc.nat({ max: 31 }), (seed, a, other, shared) => {
      // The first `shared` digits of a, then the opposite digit, then anything.
      const rest = 2 ** (32 - shared)
      const b = (Math.floor(a / rest) * rest + (other % rest)) >>> 0
      const key = keyOf(seed)
      const [x, y] = [a, b].map((value) => Math.floor(owenScramble(value, key) * 2 ** 32))
      expect(Math.clz32(x! ^ y!)).toBe(Math.clz32(a ^ b))
    }),
    { numRuns: 500 },
  )
})

test('a fraction stays in [0, 1) and has digits down to the last a double holds', () => {
  const values = Array.from({ length: 500 }, (_, seed) => owenScramble(0xffffffff, keyOf(seed)))
  expect(values.every((u) => u >= 0 && u < 1)).toBe(true)
  expect(new Set(values.map((u) => (u * 2 ** 53) % 2 ** 21)).size).toBeGreaterThan(490)
})

test('every digit of every point is flipped for half of the keys, whatever the other digits do', () => {
  const keys: HashKey[] = Array.from({ length: 4000 }, (_, seed) => keyOf(seed))
  for (const value of [0, 1, 0x80000000, 0x12345678]) {
    const flips = keys.map((key) => Math.floor(owenScramble(value, key) * 2 ** 32) ^ value)
    for (let bit = 0; bit < 32; bit += 1) {
      const share = flips.filter((flip) => (flip >>> bit) & 1).length / keys.length
      // Four standard deviations of a share of 4000 fair coins.
      expect(Math.abs(share - 0.5)).toBeLessThan(0.032)
      const withNext = flips.filter((flip) => ((flip >>> bit) ^ (flip >>> ((bit + 1) % 32))) & 1).length / keys.length
      expect(Math.abs(withNext - 0.5)).toBeLessThan(0.032)
    }
  }
})

test('scrambled points estimate an integral without bias and far more closely than independent ones', () => {
  // The product of 1 + (u - 1/2) over five dimensions has integral 1; 256 independent points miss it by 0.04 or so.
  const errors = Array.from({ length: 200 }, (_, seed) => {
    const rng = rngFor(seed, 1)
    const keys = Array.from({ length: 5 }, () => drawHashKey(rng))
    let sum = 0
    for (let index = 0; index < 256; index += 1) {
      sum += keys.reduce((f, key, d) => f * (0.5 + owenScramble(sobolDigits(d, index), key)), 1)
    }
    return sum / 256 - 1
  })
  const deviation = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length)
  expect(deviation).toBeLessThan(0.004)
  expect(Math.abs(errors.reduce((sum, e) => sum + e, 0) / errors.length)).toBeLessThan((4 * deviation) / Math.sqrt(200))
})
