import type { Config } from '@sweep/spec/search-space'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { nothingObserved, type Observations, observe } from '../observations/observations.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import { find } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import type { Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { type Coordinates, configAtPoint, coordinatesOf } from '../space/coordinates.ts'
import { childOf } from './variation.ts'

export interface Nsga2State {
  readonly issued: IssuedConfigs
  readonly settings: SamplerSettings
  readonly coordinates: Coordinates
  readonly observations: Observations
}

/** Members of the population: a twentieth of the trials, but at least and at most so many. */
const POPULATION_SHARE = 0.05
const SMALLEST_POPULATION = 10
const LARGEST_POPULATION = 100
/** Trials drawn at random before there are parents. */
const STARTUP = 12
/** Draws that may repeat a config before one is drawn from the whole space. */
const TRIES = 64

/**
 * NSGA-II (Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II"), steady-state: the population is
 * the best trials there are by non-dominated rank and room around them, feasible ones first, and each config is a child of
 * two of them. So a trial counts as soon as it has ended, in whatever order, and nobody waits for a generation to fill:
 * with a few hundred trials there would be few generations (Durillo et al. 2009, "On the effect of the steady-state
 * selection scheme in multi-objective genetic algorithms").
 */
export const nsga2Sampler: Sampler<Nsga2State> = {
  name: 'nsga2',

  init(space, settings) {
    const coordinates = coordinatesOf(space)
    return { issued: nothingIssued(space), settings, coordinates, observations: nothingObserved(settings) }
  },

  tell(state, fact) {
    const issued = withIssued(state.issued, fact)
    const observations = observe(state.observations, state.coordinates.axes, state.settings, fact)
    return issued === state.issued && observations === state.observations ? state : { ...state, issued, observations }
  },

  ask(state, count, rngAt) {
    const { issued } = state
    const suggestions: Suggestion[] = []
    const proposals = proposalsAfter(issued)
    const ranked = new RankedTrials(state.observations)
    const population = populationOf(state.observations, ranked)
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const rng = rngAt(draw)
      const proposed = propose(state, population, ranked.length, rng, proposals.isIssued)
      const config = proposed?.config ?? drawUnissued(issued, rng, proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      suggestions.push({ config, reason: proposed?.reason ?? whyRandom(ranked), draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

/** The best trials, best first; empty while there are too few. */
function populationOf({ coordinates }: Observations, ranked: RankedTrials): readonly Float64Array[] {
  if (ranked.length < STARTUP) return []
  const grown = Math.min(Math.ceil(POPULATION_SHARE * ranked.length), LARGEST_POPULATION)
  const length = Math.max(SMALLEST_POPULATION, grown)
  return Array.from({ length }, (_, rank) => find(coordinates, ranked.at(rank)!.trial)!)
}

function propose(
  { issued, coordinates }: Nsga2State,
  population: readonly Float64Array[],
  trials: number,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): { config: Config; reason: string } | undefined {
  if (population.length === 0) return undefined
  for (let tries = 0; tries < TRIES; tries += 1) {
    const [first, second] = [winner(population, rng), winner(population, rng)]
    const { point, picks } = childOf(coordinates, first, second, tries / TRIES, rng)
    const config = configAtPoint(coordinates, issued.ordered, point, picks, rng)
    if (isIssued(config)) continue
    const repeats = tries === 0 ? '' : `, changed further as ${tries} like it were issued before`
    return { config, reason: `child of two of the best ${population.length} of ${trials} trials${repeats}` }
  }
  return undefined
}

/** Binary tournament: of two members the better one. */
function winner(population: readonly Float64Array[], rng: Rng): Float64Array {
  const last = population.length - 1
  return population[Math.min(rng.int(0, last), rng.int(0, last))]!
}

function whyRandom({ length }: RankedTrials): string {
  if (length < STARTUP) return `drawn at random: ${length} of ${STARTUP} trials for a population have ended`
  return `drawn at random: ${TRIES} children were issued before`
}
