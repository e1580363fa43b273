import { exactExp, exactLog } from '@sweep/search/exact-math'
import { isActive } from '@sweep/search/space/conditions'
import type { Config, Parameter, SearchSpace } from '@sweep/spec/search-space'

const WORDS = 624
const SHIFT = 397

/**
 * Numpy's `RandomState`: the Mersenne Twister MT19937 (Matsumoto and Nishimura, ACM TOMACS 8(1), 1998). The suite draws
 * its random configs from it, so with it the suite's targets and its runs of random search come out here.
 */
export class SuiteRandom {
  readonly #state = new Uint32Array(WORDS)
  #next = WORDS

  constructor(seed: number) {
    this.#state[0] = seed
    for (let i = 1; i < WORDS; i += 1) {
      const last = this.#state[i - 1]!
      this.#state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i
    }
  }

  /** In [0, 1), with 53 bits. */
  float(): number {
    const high = this.#word() >>> 5
    const low = this.#word() >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    // Numpy rejects what is too high after masking; of a single value it draws nothing.
    if (count === 1) return 0
    const mask = 2 ** (32 - Math.clz32(count - 1)) - 1
    for (;;) {
      const value = this.#word() & mask
      if (value < count) return value
    }
  }

  #word(): number {
    if (this.#next === WORDS) this.#twist()
    let y = this.#state[this.#next]!
    this.#next += 1
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  #twist(): void {
    const state = this.#state
    for (let i = 0; i < WORDS; i += 1) {
      const joined = (state[i]! & 0x80000000) | (state[(i + 1) % WORDS]! & 0x7fffffff)
      state[i] = state[(i + SHIFT) % WORDS]! ^ (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0)
    }
    this.#next = 0
  }
}

/** A config of a suite's space as its random reference draws it: SUITE.md, "Uniform random reference". */
export function sampleUniform({ parameters }: SearchSpace, random: SuiteRandom): Config {
  const config: Config = {}
  // A parent stands before the parameters that depend on it.
  for (const parameter of parameters) {
    if (isActive(parameter, config)) config[parameter.name] = draw(parameter, random)
  }
  return config
}

function draw(parameter: Parameter, random: SuiteRandom): number | string {
  switch (parameter.type) {
    case 'choice':
      return String(parameter.values[random.below(parameter.values.length)])
    case 'float':
      return clamped(scaled(parameter.min, parameter.max, parameter.scale, random.float()), parameter)
    case 'int': {
      // Half a step more at both ends, so that these are as likely as any other.
      const x = scaled(parameter.min - 0.5, parameter.max + 0.5, parameter.scale, random.float())
      return clamped(Math.floor(x + 0.5), parameter)
    }
    default:
      throw new TypeError(`${parameter.name} is of a kind that the suite does not have: ${parameter.type}`)
  }
}

function scaled(low: number, high: number, scale: string, u: number): number {
  if (scale !== 'log') return low + u * (high - low)
  return exactExp(exactLog(low) + u * (exactLog(high) - exactLog(low)))
}

function clamped(x: number, { min, max }: { readonly min: number; readonly max: number }): number {
  return Math.min(max, Math.max(min, x))
}
