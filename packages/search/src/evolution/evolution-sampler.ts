import type { Config } from '@sweep/spec/search-space'
import { type Beliefs, beliefsOf } from '../beliefs/beliefs.ts'
import { believedConfig } from '../beliefs/believed-config.ts'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { nothingObserved, type Observations, observe } from '../observations/observations.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import { find } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import { sampleIndex } from '../sample.ts'
import type { Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { type Coordinates, configAtPoint, coordinatesOf } from '../space/coordinates.ts'
import { SearchRegion } from '../space/search-region.ts'
import { type Offspring, offspringOf } from './offspring.ts'

export interface EvolutionState {
  readonly issued: IssuedConfigs
  readonly settings: SamplerSettings
  readonly coordinates: Coordinates
  readonly beliefs: Beliefs
  readonly observations: Observations
}

/** Members of the population, and trials drawn at random before there is one. */
const POPULATION = 12
/** Draws that may repeat a config before one is drawn from the whole space. */
const TRIES = 64

/**
 * Differential evolution, steady-state: the population is the best trials there are, so an offspring takes the place of
 * the worst member when it is better than that, whenever it ends. Storn and Price 1997, "Differential evolution", let it
 * replace its own parent alone, which needs more trials than sweeps have (docs/search/evolution.md).
 *
 * With a pruner those that were stopped early rank behind those that went further, so parents come from the highest
 * level that enough trials have reached, as in DEHB (Awad, Mallik and Hutter 2021, arXiv 2105.09821).
 */
export const evolutionSampler: Sampler<EvolutionState> = {
  name: 'evolution',

  init(space, settings) {
    const coordinates = coordinatesOf(space)
    const beliefs = beliefsOf(space, coordinates.axes, settings)
    return { issued: nothingIssued(space), settings, coordinates, beliefs, observations: nothingObserved(settings) }
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
      const proposed = propose(state, population, ranked.length, draw, rng, proposals.isIssued)
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
  if (ranked.length < POPULATION) return []
  return Array.from({ length: POPULATION }, (_, rank) => find(coordinates, ranked.at(rank)!.trial)!)
}

function propose(
  { issued, coordinates, beliefs }: EvolutionState,
  population: readonly Float64Array[],
  trials: number,
  draw: number,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): { config: Config; reason: string } | undefined {
  const configOf = ({ point, picks }: Offspring) => configAtPoint(coordinates, issued.ordered, point, picks, rng)
  if (beliefs.kernels.length > 0 && population.length === 0) {
    const believed = believedConfig(beliefs, new SearchRegion(issued.ordered, coordinates.axes), draw, rng)
    return believed && isIssued(believed.config) ? undefined : believed
  }
  if (draw === 0) {
    const config = configOf(middleOf(coordinates, rng))
    return isIssued(config) ? undefined : { config, reason: 'the middle of every range' }
  }
  if (population.length === 0) return undefined
  for (let tries = 0; tries < TRIES; tries += 1) {
    const config = configOf(offspringOf(coordinates, population, tries / TRIES, rng))
    if (isIssued(config)) continue
    const repeats = tries === 0 ? '' : `, changed further as ${tries} like it were issued before`
    return { config, reason: `offspring of the best ${POPULATION} of ${trials} trials${repeats}` }
  }
  return undefined
}

function middleOf({ numeric, choices }: Coordinates, rng: Rng): Offspring {
  const point = new Float64Array(numeric.length).fill(0.5)
  return { point, picks: choices.map(({ prior }) => sampleIndex(prior, rng)) }
}

function whyRandom({ length }: RankedTrials): string {
  if (length < POPULATION) return `drawn at random: ${length} of ${POPULATION} trials for a population have ended`
  return `drawn at random: ${TRIES} offspring were issued before`
}
