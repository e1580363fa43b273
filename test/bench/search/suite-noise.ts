import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { choiceIndex } from './suite-space.ts'

/** FNV-1a over words with a shift after each, closed by the finaliser of MurmurHash3: SUITE.md, "Hash". */
export function hash32(words: readonly number[]): number {
  let h = 0x811c9dc5
  for (const word of words) {
    h = Math.imul(h ^ word, 0x01000193)
    h ^= h >>> 15
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** In (0, 1), never an end. */
export function uniform(words: readonly number[]): number {
  return (hash32(words) + 0.5) / 2 ** 32
}

/** Standard normal, by Box and Muller. */
export function gauss(words: readonly number[]): number {
  return Math.sqrt(-2 * Math.log(uniform([...words, 1]))) * Math.cos(2 * Math.PI * uniform([...words, 2]))
}

const INACTIVE = 0xffffffff
const bits = new DataView(new ArrayBuffer(8))

/** A config as words, in the order of the space: both halves of a float, an int itself, the index of a choice. */
export function configWords({ parameters }: SearchSpace, config: Config): number[] {
  return parameters.flatMap((parameter) => {
    const value = config[parameter.name]
    if (value === undefined) return [INACTIVE]
    if (parameter.type === 'choice') return [choiceIndex(parameter, config)]
    if (parameter.type === 'int') return [Number(value)]
    // Adding 0 turns -0 into 0, which has other bits.
    bits.setFloat64(0, Number(value) + 0)
    return [bits.getUint32(0), bits.getUint32(4)]
  })
}
