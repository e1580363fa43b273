import type { Rng } from '../rng.ts'
import { sampleIndex } from '../sample.ts'
import type { ChoiceAxis, Coordinates } from '../space/coordinates.ts'

/** The differential weight F is drawn between the two for each offspring, so that no scale of steps dies out. */
const LEAST_WEIGHT = 0.5
const MOST_WEIGHT = 1
/** CR: the share of the coordinates that an offspring does not have from its parent. */
const CROSSOVER = 0.8
/** The share of the population that counts as its best; the p of current-to-pbest. */
const BEST_SHARE = 0.2
/** The share of choices that are drawn anew, as a difference of two values that are the same leads nowhere. */
const CHOICE_MUTATION = 0.05

export interface Offspring {
  /** In [0, 1], by numeric axis. */
  readonly point: Float64Array
  /** Index of a value, by choice axis. */
  readonly picks: readonly number[]
}

/** The members that an offspring comes from, as coordinates by axis; NaN where a member has no value. */
interface Parents {
  readonly own: Float64Array
  readonly best: Float64Array
  readonly first: Float64Array
  readonly second: Float64Array
}

/**
 * DE/current-to-pbest/1/bin (Zhang and Sanderson 2009, "JADE: Adaptive differential evolution with optional external
 * archive", equation 6): own + F (best - own) + F (first - second) in some coordinates, own in the others. Where a member
 * has no value, because a condition kept the parameter out, one is drawn from the prior.
 *
 * @param population best first, at least 4
 * @param renewal share of the coordinates that are drawn from the prior instead
 */
export function offspringOf(
  coordinates: Coordinates,
  population: readonly Float64Array[],
  renewal: number,
  rng: Rng,
): Offspring {
  const { axes, numericAt, choices, choiceAt } = coordinates
  const parents = parentsFrom(population, rng)
  const weight = LEAST_WEIGHT + (MOST_WEIGHT - LEAST_WEIGHT) * rng.float()
  // At least one coordinate differs in kind.
  const forced = rng.int(0, Math.max(0, axes.length - 1))
  const crosses = (at: number) => rng.float() < CROSSOVER || at === forced
  const point = Float64Array.from(numericAt, (at) => {
    if (rng.float() < renewal) return rng.float()
    const [own, best, first, second] = valuesAt(parents, at, () => rng.float())
    if (!crosses(at)) return own
    return inside(own + weight * (best - own) + weight * (first - second), own)
  })
  const picks = choiceAt.map((at, index) => {
    const { prior }: ChoiceAxis = choices[index]!
    if (rng.float() < Math.max(renewal, CHOICE_MUTATION)) return sampleIndex(prior, rng)
    const [own, best, first, second] = valuesAt(parents, at, () => sampleIndex(prior, rng))
    if (!crosses(at)) return own
    // Of unordered values there is no sum: each term that would move a number replaces the value with probability F.
    if (first !== second && rng.float() < weight) return first
    return rng.float() < weight ? best : own
  })
  return { point, picks }
}

function parentsFrom(population: readonly Float64Array[], rng: Rng): Parents {
  const bestCount = Math.max(1, Math.round(BEST_SHARE * population.length))
  const best = population[rng.int(0, bestCount - 1)]!
  const [own, first, second] = rng.shuffle(population)
  return { own: own!, best, first: first!, second: second! }
}

function valuesAt(
  { own, best, first, second }: Parents,
  at: number,
  draw: () => number,
): readonly [number, number, number, number] {
  const known = (member: Float64Array) => (Number.isNaN(member[at]!) ? draw() : member[at]!)
  return [known(own), known(best), known(first), known(second)]
}

/** Half-way from the parent to the bound that was passed, as in JADE. */
function inside(x: number, own: number): number {
  if (x < 0) return own / 2
  return x > 1 ? (1 + own) / 2 : x
}
