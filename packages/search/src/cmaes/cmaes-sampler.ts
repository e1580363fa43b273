import type { Config } from '@sweep/spec/search-space'
import { beliefsOf } from '../beliefs/beliefs.ts'
import { believedAxes } from '../beliefs/believed-axes.ts'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { inWords } from '../loss.ts'
import { nothingObserved, type Observations, observe, standingOf } from '../observations/observations.ts'
import { find } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import { sampleIndex } from '../sample.ts'
import type { Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { type Coordinates, configAtPoint, coordinatesOf } from '../space/coordinates.ts'
import { drawStep, type Gaussian } from './gaussian.ts'
import { learned, type Model, startModel } from './model.ts'

export interface CmaesState {
  readonly issued: IssuedConfigs
  readonly settings: SamplerSettings
  readonly coordinates: Coordinates
  readonly observations: Observations
  readonly model: Model
  readonly hasBeliefs: boolean
  /** Trials that have ended since the model last learned. */
  readonly told: readonly number[]
}

/** Draws that may repeat a config before one is drawn from the whole space. */
const TRIES = 64
/** Each repeat makes the next step longer by this factor, so that a converged model goes on beside what it knows. */
const WIDENING = 1.1
/** Draws that may lie outside of the space before one is folded back at its bounds. */
const INSIDE_TRIES = 20

/**
 * CMA-ES (Hansen 2016, "The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772) over unit coordinates, with a margin
 * for integers and steps (Hamano et al. 2022, arXiv 2205.13482), categorical distributions for choices (Hamano et al.
 * 2024, arXiv 2405.09962) and restarts with a doubled population (Auger and Hansen 2005).
 *
 * A generation is any lambda trials that end one after the other: a late one counts in the generation in which it ends,
 * and nothing waits for it. While more trials run than a generation has, all are drawn from the same distribution.
 */
export const cmaesSampler: Sampler<CmaesState> = {
  name: 'cmaes',

  init(space, settings) {
    const coordinates = coordinatesOf(space)
    const { kernels } = beliefsOf(space, coordinates.axes, settings)
    return {
      issued: nothingIssued(space),
      settings,
      coordinates,
      observations: nothingObserved(settings),
      model: startModel(coordinates, 0, believedAxes(coordinates.axes, kernels)),
      hasBeliefs: kernels.length > 0,
      told: [],
    }
  },

  tell(state, fact) {
    const { coordinates, settings, model } = state
    const issued = withIssued(state.issued, fact)
    const observations = observe(state.observations, coordinates.axes, settings, fact)
    const isSame = issued === state.issued && observations === state.observations
    // That a trial was stopped early shows nothing new of it, and yet it has come to its end.
    if (isSame && fact.kind !== 'trial-ended') return state
    const next = isSame ? state : { ...state, issued, observations }
    if (fact.kind === 'trial-requeued') return { ...next, told: state.told.filter((trial) => trial !== fact.trial) }
    if (fact.kind !== 'trial-ended' || !hasOutcome(observations, fact.trial)) return next
    const told = [...state.told, fact.trial]
    if (told.length < model.strategy.lambda) return { ...next, told }
    return { ...next, told: [], model: learned(model, coordinates, observations, told) }
  },

  ask(state, count, rngAt) {
    const { issued } = state
    const suggestions: Suggestion[] = []
    const proposals = proposalsAfter(issued)
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const rng = rngAt(draw)
      const modelled = propose(state, draw, rng, proposals.isIssued)
      const config = modelled?.config ?? drawUnissued(issued, rng, proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      const reason = modelled?.reason ?? `drawn at random: ${TRIES} draws of the model were issued before`
      suggestions.push({ config, reason, draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

/** Cancelled trials have none. */
function hasOutcome(observations: Observations, trial: number): boolean {
  return standingOf(observations, trial) !== undefined && find(observations.coordinates, trial) !== undefined
}

function propose(
  { issued, coordinates, model, hasBeliefs }: CmaesState,
  draw: number,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): { config: Config; reason: string } | undefined {
  let width = 1
  for (let tries = 0; tries < TRIES; tries += 1, width *= WIDENING) {
    const isFirst = draw === 0 && tries === 0
    const point = isFirst ? model.gaussian.mean : drawPoint(model.gaussian, width, rng)
    const picks = model.choices.map((probabilities, index) =>
      sampleIndex(blended(probabilities, coordinates.choices[index]!.prior, tries / TRIES), rng),
    )
    const config = configAtPoint(coordinates, issued.ordered, point, picks, rng)
    if (isIssued(config)) continue
    const start = hasBeliefs ? 'where good values are believed to be' : 'the middle of every range'
    return { config, reason: isFirst ? start : why(model, coordinates, tries) }
  }
  return undefined
}

function blended(probabilities: readonly number[], prior: readonly number[], share: number): readonly number[] {
  return share === 0 ? probabilities : probabilities.map((p, index) => (1 - share) * p + share * prior[index]!)
}

/**
 * A point of [0, 1]. Whole points are drawn anew while some coordinate lies outside, which keeps the shape of the
 * distribution inside; with many parameters few lie inside, so then a coordinate is mirrored at its bound.
 */
function drawPoint(gaussian: Gaussian, width: number, rng: Rng): Float64Array {
  const { mean, sigma } = gaussian
  const drawOne = () => drawStep(gaussian, rng).map((step, j) => mean[j]! + sigma * width * step)
  let point = drawOne()
  for (let tries = 1; tries < INSIDE_TRIES && point.some((x) => x < 0 || x > 1); tries += 1) point = drawOne()
  return point.map(mirrored)
}

function mirrored(x: number): number {
  const period = Math.abs(x) % 2
  return period > 1 ? 2 - period : period
}

function why({ strategy, gaussian, restarts, generation }: Model, { numeric }: Coordinates, tries: number): string {
  const run = restarts === 0 ? '' : `restart ${restarts}, `
  const { lambda } = strategy
  const source = generation === 0 ? 'around the start' : `around the best ${Math.floor(lambda / 2)} of ${lambda}`
  const size = numeric.length === 0 ? '' : `: step size ${inWords(Number(gaussian.sigma.toPrecision(2)))}`
  const repeats = tries === 0 ? '' : `, widened as ${tries} draws were issued before`
  return `${run}generation ${generation + 1} ${source}${size}${repeats}`
}
