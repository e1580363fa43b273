import type { Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { lossInWords } from '../loss.ts'
import { rankingSize } from '../persistent/ranking.ts'
import { find, insert, select, type Tree } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import type { Sampler, Suggestion } from '../sampler.ts'
import { explore } from './explore.ts'
import { freePlaces, noMembers, observe, type Population, parentCount } from './population.ts'

export interface PbtState {
  readonly issued: IssuedConfigs
  readonly population: Population
  /** By trial. */
  readonly configs: Tree<Config>
}

/** Perturbations that may repeat a config before one is drawn from the whole space. */
const TRIES = 64

/**
 * Population based training (Jaderberg et al. 2017, arXiv 1711.09846, Algorithm 1): the first members are drawn at random;
 * then every place that `pbtPruner` frees goes to a copy of one of the best members, with a config near its own, that
 * goes on from its checkpoint. While every place is taken there is nothing to propose.
 */
export function pbtSampler(settings: Pbt): Sampler<PbtState> {
  return {
    name: 'pbt',

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
      const proposals = proposalsAfter(issued)
      const wanted = Math.min(count, places(state))
      while (suggestions.length < wanted && !proposals.isUsedUp) {
        const draw = issued.nextDraw + suggestions.length
        const rng = rngAt(draw)
        const isFirst = suggestions.length < freePlaces(population).new
        const proposed = isFirst ? undefined : copyOfOneOfTheBest(state, rng, proposals.isIssued)
        const config = proposed?.config ?? drawUnissued(issued, rng, proposals.isIssued)
        if (config === undefined) break
        proposals.add(config)
        suggestions.push({ config, reason: 'drawn at random', ...proposed, draw })
      }
      return { suggestions, exhausted: suggestions.length < wanted }
    },
  }
}

function tell(state: PbtState, fact: FactBody): PbtState {
  const issued = withIssued(state.issued, fact)
  const population = observe(state.population, fact)
  if (issued === state.issued && population === state.population) return state
  const configs = fact.kind === 'trial-created' ? insert(state.configs, fact.trial, 0, fact.config) : state.configs
  return { issued, population, configs }
}

/** A place that was given up stays empty while nobody is left to be copied. */
function places({ population }: PbtState): number {
  const free = freePlaces(population)
  return free.new + (parentCount(population) > 0 ? free.left : 0)
}

function copyOfOneOfTheBest(
  { issued, population, configs }: PbtState,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): Omit<Suggestion, 'draw'> | undefined {
  const { training, settings } = population
  const rank = rng.int(1, parentCount(population))
  const { a: loss, b: parent } = select(training.order, rank - 1)!
  const of = `of trial ${parent}, rank ${rank} of ${rankingSize(training)} with ${lossInWords(loss, population)}`
  for (let tries = 0; tries < TRIES; tries += 1) {
    const { config, changes } = explore(issued.ordered, find(configs, parent)!, settings.resample, rng)
    if (!isIssued(config)) return { config, parent, reason: `a copy ${of}: ${changes.join(', ')}` }
  }
  const config = drawUnissued(issued, rng, isIssued)
  return (
    config && { config, parent, reason: `a copy ${of}, its config drawn at random: all near it were issued before` }
  )
}
