import type { Json } from '@sweep/spec/number'
import type { Config, Parameter } from '@sweep/spec/search-space'
import { drawUnissued, type IssuedConfigs, nothingIssued, proposalsAfter, withIssued } from '../issued-configs.ts'
import { entries, find, treeSize } from '../persistent/tree.ts'
import type { Rng } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import type { Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { type Axis, axisOf, encodeConfig } from '../space/axis.ts'
import { isActive } from '../space/conditions.ts'
import { byName } from '../space/quantile.ts'
import { endedCount, noObservations, type Observations, observe, trialAtRank } from './observations.ts'
import { type Observed, ParzenEstimator } from './parzen.ts'

export interface TpeState {
  readonly issued: IssuedConfigs
  readonly settings: SamplerSettings
  readonly axes: readonly Axis[]
  /** Index of a parameter's axis; parameters with a single value have none. */
  readonly axisIndex: ReadonlyMap<string, number>
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
/** Of the others so many stand for all, evenly by rank: a suggestion costs the same after 500 trials and after 100,000. */
const MOST_OTHERS = 400

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
    return { issued: nothingIssued(space), settings, axes, axisIndex, observations: noObservations }
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
    const split = endedCount(observations) < STARTUP ? undefined : splitObservations(axes, observations)
    const pending = [...entries(observations.pending)].flatMap(({ a: trial }) => coordinatesOf(observations, trial))
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const rng = rngAt(draw)
      const modelled = split && propose(state, split, pending, rng, proposals.isIssued)
      const config = modelled?.config ?? drawUnissued(issued, rng, proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      pending.push(encodeConfig(axes, config))
      suggestions.push({ config, reason: modelled?.reason ?? whyRandom(state), draw })
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

function splitObservations(axes: readonly Axis[], observations: Observations): Split {
  const ended = endedCount(observations)
  const goodCount = Math.min(Math.ceil(GOOD_SHARE * ended), MOST_GOOD)
  const observed = (rank: number, weight: number): Observed[] => {
    const trial = trialAtRank(observations, rank)
    return trial === undefined ? [] : coordinatesOf(observations, trial).map((coordinates) => ({ coordinates, weight }))
  }
  const good = Array.from({ length: goodCount }, (_, rank) => rank).flatMap((rank) => observed(rank, 1))
  const left = ended - goodCount
  const shown = Math.min(left, MOST_OTHERS)
  const others = Array.from({ length: shown }, (_, i) => goodCount + Math.floor(((i + 0.5) * left) / shown)).flatMap(
    (rank) => observed(rank, left / shown),
  )
  return { likely: new ParzenEstimator(axes, good), goodCount, others, ended }
}

function coordinatesOf({ coordinates }: Observations, trial: number): Float64Array[] {
  const found = find(coordinates, trial)
  return found === undefined ? [] : [found]
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

function drawFrom({ issued, axes, axisIndex }: TpeState, density: ParzenEstimator, rng: Rng): Config {
  const isCrossed = rng.float() < CROSSED
  const values = new Map<string, Json>()
  let kernel = density.drawKernel(rng)
  for (const parameter of issued.ordered) {
    if (!isActive(parameter, values)) continue
    if (isCrossed) kernel = density.drawKernel(rng)
    values.set(parameter.name, drawValue(parameter, axes, axisIndex, density, kernel, rng))
  }
  return Object.fromEntries(values)
}

function drawValue(
  parameter: Parameter,
  axes: readonly Axis[],
  axisIndex: ReadonlyMap<string, number>,
  density: ParzenEstimator,
  kernel: number | undefined,
  rng: Rng,
): Json {
  const index = axisIndex.get(parameter.name)
  if (index === undefined) return sampleParameter(parameter, rng)
  return axes[index]!.decode(density.drawCoordinate(kernel, index, rng))
}

function whyRandom({ observations }: TpeState): string {
  const ended = endedCount(observations)
  if (ended < STARTUP) return `drawn at random: ${ended} of ${STARTUP} trials to learn from have ended`
  return `drawn at random: every candidate of the model was issued before (${treeSize(observations.pending)} pending)`
}
