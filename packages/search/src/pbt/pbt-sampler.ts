import type { Pbt } from '@sweep/spec/document/sweep-document'
import { find } from '../persistent/tree.ts'
import type { Sampler } from '../sampler.ts'
import { explore } from './explore.ts'
import { type Explore, type PopulationState, populationSampler } from './population-sampler.ts'

/** Perturbations that may repeat a config before one is drawn from the whole space. */
const TRIES = 64

/** A population whose copies get configs near those of their parents, by chance. */
export function pbtSampler(settings: Pbt): Sampler<PopulationState> {
  return populationSampler('pbt', settings, perturbing(settings))
}

export function perturbing({ resample }: Pbt): Explore {
  return ({ issued, configs }, { parent, rng, isIssued }) => {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const { config, changes } = explore(issued.ordered, find(configs, parent)!, resample, rng)
      if (!isIssued(config)) return { config, how: changes.join(', ') }
    }
    return undefined
  }
}
