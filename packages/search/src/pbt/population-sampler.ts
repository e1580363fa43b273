import type { Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { lossInWords } from '../loss.ts'
import { rankingSize } from '../persistent/ranking.ts'
import { insert, select, type Tree } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import type { Sampler, Suggestion } from '../sampler.ts'
import { freePlaces, noMembers, observe, type Population, parentCount } from './population.ts'

export interface PopulationState {
  readonly issued: IssuedConfigs
  readonly population: Population
  /** By trial. */
  readonly configs: Tree<Config>
}

/** What the config of one copy is chosen with. */
export interface Copying {
  /** The trial that is copied. */
  readonly parent: number
  /** Configs of the copies that were proposed just before and are no trials yet. */
  readonly proposed: readonly Config[]
  readonly rng: Rng
  readonly isIssued: (config: Config) => boolean
}

/** Chooses the config of a copy, and says how; undefined where all that it looked at were issued before. */
export type Explore = (
  state: PopulationState,
  copying: Copying,
) => { readonly config: Config; readonly how: string } | undefined

/**
 * Population based training (Jaderberg et al. 2017, arXiv 1711.09846, Algorithm 1): the first members are drawn at random;
 * then every place that `pbtPruner` frees goes to a copy of one of the best members, with a config of its own, that goes
 * on from its checkpoint. While every place is taken there is nothing to propose.
 */
export function populationSampler(name: string, settings: Pbt, explore: Explore): Sampler<PopulationState> {
  return {
    name,

    init: (space, { goal }) => ({
      issued: nothingIssued(space),
      population: noMembers(settings, goal),
      configs: undefined,
    }),

    tell,

    places,

    ask(state, count, rngAt) {
      const { issued, population } = state
      const suggestions: Suggestion[] = []
      const copies: Config[] = []
      const proposals = proposalsAfter(issued)
      const wanted = Math.min(count, places(state))
      while (suggestions.length < wanted && !proposals.isUsedUp) {
        const draw = issued.nextDraw + suggestions.length
        const rng = rngAt(draw)
        const isFirst = suggestions.length < freePlaces(population).new
        const { isIssued } = proposals
        const copy = isFirst ? undefined : copyOfOneOfTheBest(state, explore, { proposed: copies, rng, isIssued })
        const config = copy?.config ?? drawUnissued(issued, rng, isIssued)
        if (config === undefined) break
        proposals.add(config)
        if (copy) copies.push(config)
        suggestions.push({ config, reason: 'drawn at random', ...copy, draw })
      }
      return { suggestions, exhausted: suggestions.length < wanted }
    },
  }
}

function tell(state: PopulationState, fact: FactBody): PopulationState {
  const issued = withIssued(state.issued, fact)
  const population = observe(state.population, fact)
  if (issued === state.issued && population === state.population) return state
  const configs = fact.kind === 'trial-created' ? insert(state.configs, fact.trial, 0, fact.config) : state.configs
  return { issued, population, configs }
}

/** A place that was given up stays empty while nobody is left to be copied. */
function places({ population }: PopulationState): number {
  const free = freePlaces(population)
  return free.new + (parentCount(population) > 0 ? free.left : 0)
}

function copyOfOneOfTheBest(
  state: PopulationState,
  explore: Explore,
  { proposed, rng, isIssued }: Omit<Copying, 'parent'>,
): Omit<Suggestion, 'draw'> | undefined {
  const { issued, population } = state
  const { training } = population
  const rank = rng.int(1, parentCount(population))
  const { a: loss, b: parent } = select(training.order, rank - 1)!
  const of = `of trial ${parent}, rank ${rank} of ${rankingSize(training)} with ${lossInWords(loss, population)}`
  const explored = explore(state, { parent, proposed, rng, isIssued })
  if (explored) return { config: explored.config, parent, reason: `a copy ${of}: ${explored.how}` }
  const config = drawUnissued(issued, rng, isIssued)
  return (
    config && { config, parent, reason: `a copy ${of}, its config drawn at random: all near it were issued before` }
  )
}
