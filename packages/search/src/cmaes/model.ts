import type { BelievedAxis } from '../beliefs/believed-axes.ts'
import { exactExp } from '../exact-math.ts'
import type { Observations } from '../observations/observations.ts'
import { find } from '../persistent/tree.ts'
import { rngFor } from '../rng.ts'
import { SOBOL_DIMENSIONS, sobolDigits } from '../sobol/sobol-sequence.ts'
import { type Coordinates, cellAt, drawInCell } from '../space/coordinates.ts'
import { type ChoiceDistribution, learnedChoice } from './choice-distribution.ts'
import { deviation, type Gaussian, scaled, startGaussian, updated } from './gaussian.ts'
import { comparePlaces, isFlat, type Ranked, ranked, rankWeights } from './generation.ts'
import { withMargin } from './margin.ts'
import { populationSize, type Strategy, strategyOf } from './strategy.ts'

/** The distribution that configs are drawn from, and what decides when it starts over. Never changes. */
export interface Model {
  readonly strategy: Strategy
  readonly gaussian: Gaussian
  readonly choices: readonly ChoiceDistribution[]
  readonly restarts: number
  /** Generations learned from since the last restart. */
  readonly generation: number
  /** The best trial since the last restart, and the generation it came in. */
  readonly best: { readonly ranked: Ranked; readonly generation: number } | undefined
}

/** As a share of every axis: Optuna starts with a sixth, the tutorial's advice is 0.3 where the optimum may be anywhere. */
const FIRST_STEP_SIZE = 0.2

/** A continuous parameter known to this share of its range is known well enough. */
const FINE_ENOUGH = 1e-5
/** Hansen 2016, section B.3, ConditionCov, for the roots. */
const MOST_ELONGATED = 1e7

/**
 * The first run starts in the middle of every range, or where good values are believed to be; each restart further along
 * a sequence that covers the space.
 *
 * @param believed by axis
 */
export function startModel(
  coordinates: Coordinates,
  restarts: number,
  believed: readonly (BelievedAxis | undefined)[] = [],
): Model {
  const { axes, numeric, numericAt, choices, choiceAt } = coordinates
  const strategy = strategyOf(numeric.length, populationSize(axes.length, restarts))
  // The point after the first of the Sobol' sequence is the centre; so are the coordinates past its dimensions.
  const numbers = numericAt.map((at) => ofKind('numeric', believed[at]))
  const mean = Float64Array.from(numeric, (_, j) => {
    return numbers[j]?.center ?? (j < SOBOL_DIMENSIONS ? sobolDigits(j, restarts + 1) / 2 ** 32 : 0.5)
  })
  const widths = Float64Array.from(numbers, (belief) =>
    Math.min(1, (belief?.sigma ?? FIRST_STEP_SIZE) / FIRST_STEP_SIZE),
  )
  const start = scaled(startGaussian(mean, FIRST_STEP_SIZE, strategy), widths)
  const gaussian = marginKept(coordinates, strategy, start)
  const probabilities = choices.map(({ prior }, i) => ofKind('choice', believed[choiceAt[i]!])?.probabilities ?? prior)
  return { strategy, gaussian, choices: probabilities, restarts, generation: 0, best: undefined }
}

function ofKind<K extends BelievedAxis['kind']>(kind: K, belief: BelievedAxis | undefined) {
  return belief?.kind === kind ? (belief as Extract<BelievedAxis, { kind: K }>) : undefined
}

/** The model after one generation of `strategy.lambda` ended trials, wherever their configs came from. */
export function learned(
  before: Model,
  coordinates: Coordinates,
  observations: Observations,
  trials: readonly number[],
): Model {
  const { strategy } = before
  const order = ranked(observations, trials)
  const { weights, means } = rankWeights(strategy, order)
  const configs = order.map(({ trial }) => find(observations.coordinates, trial)!)
  const points = order.map(({ trial }, k) => completed(coordinates, before.gaussian, configs[k]!, trial))
  const gaussian = bounded(updated(before.gaussian, strategy, points, weights, means), strategy, isFlat(order))
  const choices = coordinates.choices.map((axis, index) => {
    const values = configs.map((config) => config[coordinates.choiceAt[index]!]!)
    return learnedChoice(before.choices[index]!, axis, values, means, coordinates.choices.length)
  })
  const first = order[0]!
  const isBetter = before.best === undefined || comparePlaces(first.place, before.best.ranked.place) < 0
  const generation = before.generation + 1
  const best = isBetter ? { ranked: first, generation } : before.best
  const after = { ...before, gaussian, choices, generation, best }
  if (isOver(after, coordinates)) return startModel(coordinates, before.restarts + 1)
  return { ...after, gaussian: marginKept(coordinates, strategy, gaussian) }
}

/**
 * The point of a config. Where in the cell of an integer it lay, and where the coordinates of inactive parameters, the
 * config does not tell: it is drawn anew, so that neither makes the distribution narrower than what was learned.
 */
function completed(
  { numeric, numericAt }: Coordinates,
  gaussian: Gaussian,
  config: Float64Array,
  trial: number,
): Float64Array {
  const rng = rngFor(0, trial, 'cmaes-point')
  return Float64Array.from(numeric, (axis, j) => {
    const x = config[numericAt[j]!]!
    const mean = gaussian.mean[j]!
    if (Number.isNaN(x)) return mean + deviation(gaussian, j) * rng.normal()
    const cell = cellAt(axis, x)
    return cell === undefined ? x : drawInCell(cell, mean, deviation(gaussian, j), rng)
  })
}

/** The mean stays inside, and the step size below the width of the space; on a plateau the search goes further out. */
function bounded(gaussian: Gaussian, { cSigma, dSigma }: Strategy, isPlateau: boolean): Gaussian {
  const factor = isPlateau ? exactExp(0.2 + cSigma / dSigma) : 1
  const mean = gaussian.mean.map((m) => Math.min(1, Math.max(0, m)))
  return { ...gaussian, mean, sigma: Math.min(1, gaussian.sigma * factor) }
}

function marginKept({ numeric, axes }: Coordinates, { lambda }: Strategy, gaussian: Gaussian): Gaussian {
  const cells = numeric.map((axis, j) => cellAt(axis, gaussian.mean[j]!))
  return withMargin(gaussian, cells, 1 / (axes.length * lambda))
}

/** Converged, too elongated to go on, or without a better trial for long (Hansen 2016, section B.3, TolFunHist's time). */
function isOver({ strategy, gaussian, generation, best }: Model, { axes, numeric }: Coordinates): boolean {
  const patience = 10 + Math.ceil((30 * axes.length) / strategy.lambda)
  if (generation - (best?.generation ?? 0) > patience) return true
  const continuous = numeric.flatMap((axis, j) => (axis.halfStep(gaussian.mean[j]!) === 0 ? [j] : []))
  if (continuous.length > 0 && continuous.every((j) => deviation(gaussian, j) < FINE_ENOUGH)) return true
  const longest = gaussian.lengths.reduce((most, length) => Math.max(most, length), 0)
  return gaussian.lengths.some((length) => longest > MOST_ELONGATED * length)
}
