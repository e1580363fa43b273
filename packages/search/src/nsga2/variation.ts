import { exactExp, exactLog } from '../exact-math.ts'
import type { Rng } from '../rng.ts'
import { sampleIndex } from '../sample.ts'
import type { Coordinates } from '../space/coordinates.ts'

/** Share of the children that are crossed from both parents; the others change one of them. */
const CROSSOVER = 0.9
/** Distribution indices: the higher, the nearer a child is to its parents. With 15 and 20 it takes thousands of trials. */
const CROSSOVER_INDEX = 2
const MUTATION_INDEX = 5

/** What a config is made of. */
export interface Child {
  /** In [0, 1], by numeric axis. */
  readonly point: Float64Array
  /** Index of a value, by choice axis. */
  readonly picks: readonly number[]
}

/**
 * A child of two configs: simulated binary crossover and polynomial mutation of numbers (Deb and Agrawal 1995, "Simulated
 * binary crossover for continuous search space"; Deb et al. 2002, section V), uniform crossover of choices, each of which
 * is drawn anew as often as a number is mutated: one parameter of a child on average. Where a parent has no value, because
 * a condition kept the parameter out, one is drawn from the prior.
 *
 * @param first coordinates by axis
 * @param renewal share of the coordinates that are drawn from the prior instead
 */
export function childOf(
  { axes, numericAt, choices, choiceAt }: Coordinates,
  first: Float64Array,
  second: Float64Array,
  renewal: number,
  rng: Rng,
): Child {
  const isCrossed = rng.float() < CROSSOVER
  const mutates = () => rng.float() < 1 / axes.length
  const point = Float64Array.from(numericAt, (at) => {
    if (rng.float() < renewal) return rng.float()
    const [a, b] = [first[at]!, second[at]!].map((x) => (Number.isNaN(x) ? rng.float() : x)) as [number, number]
    const x = isCrossed ? crossed(a, b, rng) : a
    return mutates() ? mutated(x, rng) : x
  })
  const picks = choiceAt.map((at, index) => {
    const draw = () => sampleIndex(choices[index]!.prior, rng)
    if (rng.float() < renewal || mutates()) return draw()
    const pick = isCrossed && rng.float() < 0.5 ? second[at]! : first[at]!
    return Number.isNaN(pick) ? draw() : pick
  })
  return { point, picks }
}

/** One of the two children of SBX, in half of the coordinates; in the other half the value of the first parent. */
export function crossed(a: number, b: number, rng: Rng): number {
  if (rng.float() < 0.5) return rng.float() < 0.5 ? a : b
  const u = rng.float()
  const beta = power(u <= 0.5 ? 2 * u : 1 / (2 * (1 - u)), 1 / (CROSSOVER_INDEX + 1))
  const away = rng.float() < 0.5 ? beta : -beta
  return inUnit((a + b + away * (a - b)) / 2)
}

/** Polynomial mutation within [0, 1]: more of it on the side with more room. */
export function mutated(x: number, rng: Rng): number {
  const u = rng.float()
  const n = MUTATION_INDEX + 1
  if (u < 0.5) return inUnit(x + power(2 * u + (1 - 2 * u) * power(1 - x, n), 1 / n) - 1)
  return inUnit(x + 1 - power(2 * (1 - u) + (2 * u - 1) * power(x, n), 1 / n))
}

function power(base: number, exponent: number): number {
  return base <= 0 ? 0 : exactExp(exponent * exactLog(base))
}

function inUnit(x: number): number {
  return Math.min(1, Math.max(0, x))
}
