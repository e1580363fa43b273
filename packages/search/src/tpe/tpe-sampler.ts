import type { Json } from '@sweep/spec/number'
import type { Config } from '@sweep/spec/search-space'
import { type Beliefs, beliefsOf } from '../beliefs/beliefs.ts'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { nothingObserved, type Observations, observe } from '../observations/observations.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import { find, treeSize } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import type { Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { type Axis, axisOf, encodeConfig } from '../space/axis.ts'
import { isActive } from '../space/conditions.ts'
import { byName } from '../space/quantile.ts'
import { goodTrials, otherRanks } from './good-trials.ts'
import { type Observed, ParzenEstimator } from './parzen.ts'

export interface TpeState {
  readonly issued: IssuedConfigs
  readonly settings: SamplerSettings
  readonly axes: readonly Axis[]
  /** Index of a parameter's axis; parameters with a single value have none. */
  readonly axisIndex: ReadonlyMap<string, number>
  readonly beliefs: Beliefs
  readonly observations: Observations
}

/** Trials to learn from before the model is asked. */
const STARTUP = 8
const CANDIDATES = 24
/**
 * So many of the candidates take each parameter from another good config, the rest take all from one: most objectives
 * are nearly additive in some parameters, and joint kernels alone learn that slowly. Measured over the tasks of
 * `npm run bench -- search`.
 */
const CROSSED = 0.7
/**
 * Where trials are stopped early, so many configs are drawn at random (Falkner et al. 2018, "BOHB", algorithm 2,
 * and a third in their code): most trials then end cheaply, and what little they have shown makes the model sure too soon.
 * Measured by `npm run bench -- multifidelity`.
 */
const RANDOM_WHERE_STOPPED = 1 / 3
/** With several objectives all are: good trials are good for different reasons, and more can be made of each by itself. */
const CROSSED_FOR_SEVERAL = 1
/** Of the others so many stand for all, evenly by rank: a suggestion costs the same after 300 trials and after 100,000. */
const MOST_OTHERS = 256

/**
 * Tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", section 4;
 * Watanabe 2023, arXiv 2304.11127): candidates are drawn from a density of the configs of good trials, and the one with
 * the highest ratio to the density of all others is proposed. The densities are joint over all parameters, with the same
 * bandwidths: the ratio then tells what share of the trials near a config is good (Tiao et al. 2021, "BORE", arXiv
 * 2102.09009), and is not highest where one density happens to be wider than the other.
 *
 * Trials that still run count in neither: draws differ enough to be tried at the same time (as in Kandasamy et al. 2018,
 * "Parallelised Bayesian optimisation via Thompson sampling"), and taking running trials for bad ones drives the next away
 * from where good ones are. Measured with 8 and 32 at once.
 */
export const tpeSampler: Sampler<TpeState> = {
  name: 'tpe',

  init(space, settings) {
    const axes = byName(space.parameters).flatMap((parameter) => axisOf(parameter) ?? [])
    const axisIndex = new Map(axes.map((axis, index) => [axis.name, index]))
    const beliefs = beliefsOf(space, axes, settings)
    return { issued: nothingIssued(space), settings, axes, axisIndex, beliefs, observations: nothingObserved(settings) }
  },

  tell(state, fact) {
    const issued = withIssued(state.issued, fact)
    const observations = observe(state.observations, state.axes, state.settings, fact)
    return issued === state.issued && observations === state.observations ? state : { ...state, issued, observations }
  },

  ask(state, count, rngAt) {
    const { issued, observations } = state
    const suggestions: Suggestion[] = []
    const proposals = proposalsAfter(issued)
    const ranked = new RankedTrials(observations)
    const split = ranked.length < STARTUP ? undefined : splitTrials(state, ranked)
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const rng = rngAt(draw)
      const isRandom = split !== undefined && state.settings.levels !== undefined && rng.float() < RANDOM_WHERE_STOPPED
      const proposed = isRandom
        ? undefined
        : split === undefined
          ? believedConfig(state, draw, rng, proposals.isIssued)
          : propose(state, split, rng, proposals.isIssued)
      const config = proposed?.config ?? drawUnissued(issued, rng, proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      const reason = isRandom ? RANDOM_REASON : (proposed?.reason ?? whyRandom(state, ranked))
      suggestions.push({ config, reason, draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

interface Split {
  /** The densities of the good ones and of the others, and how many are good. */
  readonly likely: ParzenEstimator
  readonly unlikely: ParzenEstimator
  readonly goodCount: number
  readonly ended: number
}

function splitTrials({ axes, beliefs, observations }: TpeState, ranked: RankedTrials): Split {
  const ended = ranked.length
  const chosen = goodTrials(ranked)
  const goodCount = chosen.length
  const good: Observed[] = []
  const others: Observed[] = []
  const addTo = (list: Observed[], rank: number, weight: number) => {
    const trial = ranked.at(rank)?.trial
    const coordinates = trial === undefined ? undefined : find(observations.coordinates, trial)
    if (coordinates !== undefined) list.push({ coordinates, weight })
  }
  for (const { rank, weight } of chosen) addTo(good, rank, weight)
  const left = ended - goodCount
  const shown = Math.min(left, MOST_OTHERS)
  const otherRank = otherRanks(chosen)
  for (let i = 0; i < shown; i += 1) addTo(others, otherRank(Math.floor(((i + 0.5) * left) / shown)), left / shown)
  const likely = new ParzenEstimator(axes, [...good, ...beliefs.kernels])
  const unlikely = new ParzenEstimator(axes, others, 1, likely.bandwidths)
  return { likely, unlikely, goodCount, ended }
}

/** Before the model: first what is believed to be good, then half of the configs near it; else undefined. */
function believedConfig(
  state: TpeState,
  draw: number,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): { config: Config; reason: string } | undefined {
  const { axes, beliefs } = state
  const first = beliefs.firsts[draw]
  if (first !== undefined) {
    const config = configFrom(state, rng, (index) => first.coordinates[index]!)
    return isIssued(config) ? undefined : { config, reason: first.reason }
  }
  if (beliefs.kernels.length === 0 || rng.float() < 0.5) return undefined
  const around = new ParzenEstimator(axes, beliefs.kernels, 0)
  const kernel = around.drawKernel(rng)
  const config = configFrom(state, rng, (index) => around.drawCoordinate(kernel, index, rng))
  return isIssued(config) ? undefined : { config, reason: 'near what is believed to be good' }
}

function propose(
  state: TpeState,
  { likely, unlikely, goodCount, ended }: Split,
  rng: Rng,
  isIssued: (config: Config) => boolean,
): { config: Config; reason: string } | undefined {
  const { axes } = state
  let best: { config: Config; score: number } | undefined
  for (let i = 0; i < CANDIDATES; i += 1) {
    const config = drawFrom(state, likely, rng)
    const coordinates = encodeConfig(axes, config)
    const score = likely.logDensity(coordinates) - unlikely.logDensity(coordinates)
    if ((best === undefined || score > best.score) && !isIssued(config)) best = { config, score }
  }
  if (best === undefined) return undefined
  const ratio = Number(Math.min(best.score, 700).toPrecision(3))
  return {
    config: best.config,
    reason: `like the best ${goodCount} of ${ended} trials: log density ratio ${ratio}, best of ${CANDIDATES} candidates`,
  }
}

function drawFrom(state: TpeState, density: ParzenEstimator, rng: Rng): Config {
  const isCrossed = rng.float() < (state.settings.objectives === undefined ? CROSSED : CROSSED_FOR_SEVERAL)
  let kernel = density.drawKernel(rng)
  return configFrom(state, rng, (index) => {
    if (isCrossed) kernel = density.drawKernel(rng)
    return density.drawCoordinate(kernel, index, rng)
  })
}

/** Parents first; a parameter without an axis, or whose coordinate is NaN, is drawn from its distribution. */
function configFrom({ issued, axes, axisIndex }: TpeState, rng: Rng, coordinateOf: (index: number) => number): Config {
  const values = new Map<string, Json>()
  for (const parameter of issued.ordered) {
    if (!isActive(parameter, values)) continue
    const index = axisIndex.get(parameter.name)
    const coordinate = index === undefined ? Number.NaN : coordinateOf(index)
    const value = Number.isNaN(coordinate) ? sampleParameter(parameter, rng) : axes[index!]!.decode(coordinate)
    values.set(parameter.name, value)
  }
  return Object.fromEntries(values)
}

const RANDOM_REASON = 'drawn at random, as every third config is where trials are stopped early'

function whyRandom({ observations }: TpeState, { length: ended }: RankedTrials): string {
  if (ended < STARTUP) return `drawn at random: ${ended} of ${STARTUP} trials to learn from have ended`
  return `drawn at random: every candidate of the model was issued before (${treeSize(observations.pending)} pending)`
}
