import type { Pbt } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import { exactLog } from '../exact-math.ts'
import { changeInText, explore } from '../pbt/explore.ts'
import { perturbing } from '../pbt/pbt-sampler.ts'
import { resourceOf } from '../pbt/population.ts'
import { type Copying, type Explore, type PopulationState, populationSampler } from '../pbt/population-sampler.ts'
import { find } from '../persistent/tree.ts'
import type { Sampler } from '../sampler.ts'
import { axisOf, encodeConfig } from '../space/axis.ts'
import { sameValue } from '../space/conditions.ts'
import { byName } from '../space/quantile.ts'
import { SearchRegion } from '../space/search-region.ts'
import { GainModel } from './gain-model.ts'
import { awaitedTrials, type Gain, gainsOf, gainTargets } from './gains.ts'

/** Gains to learn from before the model is asked. */
const LEAST_GAINS = 4
/** It knows so many, those of the nearest time. */
const MOST_GAINS = 60
/** Candidates around the best one so far, first at the one of these distances, then at the other. */
const AROUND = 50
const DISTANCES = [0.1, 0.05]
/**
 * Deviations of a gain count half of what the paper's sqrt(beta) says, and candidates begin near the parent instead of
 * anywhere: a population is small, and each of its members that explores for an interval is missed.
 */
const CURIOSITY = 0.5

/**
 * PB2 (Parker-Holder, Nguyen and Roberts 2020, arXiv 2002.02518): population based training whose copies get the numbers
 * of which a model of all gains so far expects the most in their first interval, with room for what it does not know
 * (GP-UCB). Choices are perturbed as by `pbt`, and the numbers chosen given those.
 */
export function pb2Sampler(settings: Pbt): Sampler<PopulationState> {
  const perturb = perturbing(settings)
  return populationSampler('pb2', settings, (state, copying) => {
    const gains = gainsOf(state.population)
    return gains.length < LEAST_GAINS ? perturb(state, copying) : promising(state, copying, gains)
  })
}

function promising(state: PopulationState, copying: Copying, gains: readonly Gain[]): ReturnType<Explore> {
  const { issued, configs, population } = state
  const { parent, proposed, rng, isIssued } = copying
  const { interval, resample } = population.settings
  const axes = byName(issued.ordered).flatMap((parameter) => axisOf(parameter) ?? [])
  const region = new SearchRegion(issued.ordered, axes)
  const pointOf = (trial: number) => encodeConfig(axes, find(configs, trial)!)
  const time = Math.floor(resourceOf(population, parent, find(population.members, parent)!.progress) / interval) + 1
  const away = (gain: Gain) => Math.abs(gain.time - time)
  const known = [...gains].sort((a, b) => away(a) - away(b) || a.trial - b.trial).slice(0, MOST_GAINS)
  const moments = known.map((gain) => ({ point: pointOf(gain.trial), time: gain.time }))
  const model = new GainModel(region.isChoice, moments, gainTargets(known))
  for (const trial of awaitedTrials(population, gains)) model.believe({ point: pointOf(trial), time })
  for (const config of proposed) model.believe({ point: encodeConfig(axes, config), time })

  const before = find(configs, parent)!
  const perturbed = explore(issued.ordered, before, resample, rng).config
  const width = CURIOSITY * widthOf(known.length)
  const candidateAt = (place: Float64Array) => {
    const { mean, deviation } = model.predict({ point: region.pointAt(place, rng), time })
    return { place, bound: mean + width * deviation }
  }
  let candidates = [candidateAt(region.placeOf(encodeConfig(axes, perturbed), rng))]
  for (const distance of DISTANCES) {
    const { place } = candidates[0]!
    const step = (x: number, k: number) =>
      region.isChoice[k] ? x : Math.min(1, Math.max(0, x + distance * rng.normal()))
    const around = Array.from({ length: AROUND }, () => candidateAt(place.map(step)))
    candidates = [...candidates, ...around].sort((a, b) => b.bound - a.bound)
  }
  for (const { place } of candidates) {
    const config = region.configAt(place, rng)
    if (isIssued(config)) continue
    const changes = changesBetween(before, config)
    return { config, how: `${changes}; where a model of ${known.length} intervals expects most of the next` }
  }
  return undefined
}

/** Square root of the paper's beta for so many observations, with the constants of the authors' implementation in Ray Tune. */
function widthOf(count: number): number {
  return Math.sqrt(0.2 + Math.max(0, exactLog(0.4 * count)))
}

function changesBetween(before: Config, after: Config): string {
  return Object.entries(after)
    .filter(([name, value]) => !Object.hasOwn(before, name) || !sameValue(before[name]!, value))
    .map(([name, value]) => changeInText(name, Object.hasOwn(before, name) ? before[name] : undefined, value))
    .join(', ')
}
