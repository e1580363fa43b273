import type { Json } from '@sweep/spec/number'
import type { Config } from '@sweep/spec/search-space'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import {
  nothingObserved,
  type Observations,
  observe,
  pendingPoints,
  RankedTrials,
} from '../observations/observations.ts'
import { find, treeSize } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import type { Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { type Axis, axisOf, encodeConfig } from '../space/axis.ts'
import { isActive } from '../space/conditions.ts'
import { byName } from '../space/quantile.ts'
import { type Beliefs, beliefsOf } from './beliefs.ts'
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
 * are nearly additive in some parameters, and joint kernels alone learn that slowly. Measured, as are the two below, over
 * the tasks of `npm run bench -- search`.
 */
const CROSSED = 0.7
/** So many of the ended trials are good, and no more than 25. */
const GOOD_SHARE = 0.15
const MOST_GOOD = 25
/** Of the others so many stand for all, evenly by rank: a suggestion costs the same after 300 trials and after 100,000. */
const MOST_OTHERS = 256

/**
 * Tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization", section 4;
 * Watanabe 2023, arXiv 2304.11127): candidates are drawn from a density of the configs of good trials, and the one with
 * the highest ratio to the density of all others is proposed. The densities are joint over all parameters. Trials that
 * still run count as others ("constant liar"), so parallel ones keep their distance.
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
    const { issued, axes, observations } = state
    const suggestions: Suggestion[] = []
    const proposals = proposalsAfter(issued)
    const ranked = new RankedTrials(observations)
    const split = ranked.length < STARTUP ? undefined : splitTrials(state, ranked)
    const pending = pendingPoints(observations)
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const rng = rngAt(draw)
      const proposed =
        split === undefined
          ? believedConfig(state, draw, rng, proposals.isIssued)
          : propose(state, split, pending, rng, proposals.isIssued)
      const config = proposed?.config ?? drawUnissued(issued, rng, proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      pending.push(encodeConfig(axes, config))
      suggestions.push({ config, reason: proposed?.reason ?? whyRandom(state, ranked), draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

interface Split {
  /** The density of the good ones, and how many they are. */
  readonly likely: ParzenEstimator
  readonly goodCount: number
  readonly others: readonly Observed[]
  readonly ended: number
}

function splitTrials({ axes, beliefs, observations }: TpeState, ranked: RankedTrials): Split {
  const ended = ranked.length
  const goodCount = Math.min(Math.ceil(GOOD_SHARE * ended), MOST_GOOD, ranked.compared || 1)
  const good: Observed[] = []
  const others: Observed[] = []
  const addTo = (list: Observed[], rank: number, weight: number) => {
    const trial = ranked.at(rank)?.trial
    const coordinates = trial === undefined ? undefined : find(observations.coordinates, trial)
    if (coordinates !== undefined) list.push({ coordinates, weight })
  }
  for (let rank = 0; rank < goodCount; rank += 1) addTo(good, rank, 1)
  const left = ended - goodCount
  const shown = Math.min(left, MOST_OTHERS)
  for (let i = 0; i < shown; i += 1) addTo(others, goodCount + Math.floor(((i + 0.5) * left) / shown), left / shown)
  const likely = new ParzenEstimator(axes, [...good, ...beliefs.kernels])
  return { likely, goodCount, others, ended }
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
  { likely, goodCount, others, ended }: Split,
  pending: readonly Float64Array[],
  rng: Rng,
  isIssued: (config: Config) => boolean,
): { config: Config; reason: string } | undefined {
  const { axes } = state
  const unlikely = new ParzenEstimator(axes, [...others, ...pending.map((coordinates) => ({ coordinates, weight: 1 }))])
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
  const isCrossed = rng.float() < CROSSED
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

function whyRandom({ observations }: TpeState, { length: ended }: RankedTrials): string {
  if (ended < STARTUP) return `drawn at random: ${ended} of ${STARTUP} trials to learn from have ended`
  return `drawn at random: every candidate of the model was issued before (${treeSize(observations.pending)} pending)`
}
