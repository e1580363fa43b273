import { type Beliefs, beliefsOf } from '../beliefs/beliefs.ts'
import { believedConfig } from '../beliefs/believed-config.ts'
import { exactExp } from '../exact-math.ts'
import { drawUnissued, proposalsAfter } from '../issued-configs.ts'
import { inWords } from '../loss.ts'
import { nothingObserved, type Observations, observe, pendingPoints } from '../observations/observations.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import type { Asked, RngAt, Sampler, SamplerSettings, Suggestion } from '../sampler.ts'
import { sobolSampler } from '../sobol/sobol-sampler.ts'
import { type Axis, axisOf, encodeConfig } from '../space/axis.ts'
import { byName } from '../space/quantile.ts'
import { SearchRegion } from '../space/search-region.ts'
import type { SpaceFillingState } from '../space-filling/space-filling-sampler.ts'
import { excessVariances } from './excess-variances.ts'
import { fitKernel, type Sample } from './fit-kernel.ts'
import type { KernelParameters } from './kernel.ts'
import { learnedTrials, shownRanks } from './learned-trials.ts'
import { Posterior } from './posterior.ts'
import { type Proposal, propose } from './proposer.ts'
import { targetsOf } from './targets.ts'

export interface GpState {
  /** Gives the first configs; and knows what was issued. */
  readonly design: SpaceFillingState
  readonly settings: SamplerSettings
  readonly axes: readonly Axis[]
  readonly beliefs: Beliefs
  readonly observations: Observations
}

/** Trials to learn from before the model is asked. */
const STARTUP = 8
/** Trials that the model knows, and those of them that its kernel is fitted to: their cubes are what a suggestion costs. */
const MOST_KNOWN = 300
const MOST_FITTED = 100
/** Of the trials without an end, the newest so many are kept away from. */
const MOST_PENDING = 100
/** Trials around which improvements are looked for. */
const BASES = 5
/**
 * Every other suggestion is to improve by so many standard deviations of the noise. Where losses go in steps, or are
 * noisy, the model else spends trial after trial on improvements too small to be any; where there is no noise this is
 * nothing. With it on every suggestion the smooth tasks of `npm run bench -- search` take more trials.
 */
const MARGIN = 2
/** Parameters that a reason names. */
const NAMED = 3

/**
 * Bayesian optimisation with a Gaussian process (Jones et al. 1998, "Efficient global optimization of expensive black-box
 * functions"; Rasmussen and Williams 2006): the first configs are points of a Sobol' sequence, then the config with the
 * highest expected improvement on the lowest loss is proposed.
 *
 * The kernel is a sum of two: a Matern kernel over all parameters together, and one over each parameter by itself (as in
 * Duvenaud et al. 2011, "Additive Gaussian processes", orders 1 and d), with the same lengthscales. Much of what
 * hyperparameters do they do by themselves, and that is learnt from far fewer trials.
 *
 * Trials that still run count as if they had given what the model expects of them ("kriging believer", Ginsbourger et al.
 * 2010, "Kriging is well-suited to parallelize optimization", section 3), so parallel ones keep their distance.
 *
 * Where there are beliefs, the first configs are those believed in and others near by, half of them. The model then goes
 * by the trials alone: to weight the improvement by the beliefs (piBO, Hvarfner et al. 2022, arXiv 2204.11051) gained
 * less where they are right than it lost where they mislead (docs/search/gp.md).
 */
export const gpSampler: Sampler<GpState> = {
  name: 'gp',

  init(space, settings) {
    const axes = byName(space.parameters).flatMap((parameter) => axisOf(parameter) ?? [])
    const beliefs = beliefsOf(space, axes, settings)
    return {
      design: sobolSampler.init(space, settings),
      settings,
      axes,
      beliefs,
      observations: nothingObserved(settings),
    }
  },

  tell(state, fact) {
    const design = sobolSampler.tell(state.design, fact)
    const observations = observe(state.observations, state.axes, state.settings, fact)
    return design === state.design && observations === state.observations ? state : { ...state, design, observations }
  },

  ask(state, count, rngAt) {
    const { design, axes, beliefs, observations } = state
    const ranked = new RankedTrials(observations)
    const isTooEarly = ranked.length < STARTUP || ranked.compared === 0
    if (axes.length === 0 || (isTooEarly && beliefs.kernels.length === 0)) return sobolSampler.ask(design, count, rngAt)
    const { issued } = design
    const region = new SearchRegion(issued.ordered, axes)
    if (isTooEarly) return askBelieved(state, region, count, rngAt)
    const model = modelOf(state, ranked, region)
    const pending = pendingPoints(observations)
    const suggestions: Suggestion[] = []
    const proposals = proposalsAfter(issued)
    while (suggestions.length < count && !proposals.isUsedUp) {
      const draw = issued.nextDraw + suggestions.length
      const rng = rngAt(draw)
      const { posterior, lowestMean } = believing(model, pending)
      const best = lowestMean - (draw % 2) * MARGIN * Math.sqrt(model.kernel.noise)
      const proposal = propose({ region, posterior, best, bases: model.bases, rng, isIssued: proposals.isIssued })
      const config = proposal?.config ?? drawUnissued(issued, rng, proposals.isIssued)
      if (config === undefined) break
      proposals.add(config)
      pending.push(encodeConfig(axes, config))
      const reason = proposal
        ? why(state, model, best, proposal)
        : 'drawn at random: what the model found was issued before'
      suggestions.push({ config, reason, draw })
    }
    return { suggestions, exhausted: suggestions.length < count }
  },
}

/** Before there is a model, where there are beliefs. */
function askBelieved(
  { design: { issued }, beliefs }: GpState,
  region: SearchRegion,
  count: number,
  rngAt: RngAt,
): Asked {
  const suggestions: Suggestion[] = []
  const proposals = proposalsAfter(issued)
  while (suggestions.length < count && !proposals.isUsedUp) {
    const draw = issued.nextDraw + suggestions.length
    const rng = rngAt(draw)
    const believed = believedConfig(beliefs, region, draw, rng)
    const isUsed = believed !== undefined && !proposals.isIssued(believed.config)
    const config = isUsed ? believed.config : drawUnissued(issued, rng, proposals.isIssued)
    if (config === undefined) break
    proposals.add(config)
    suggestions.push({ config, reason: isUsed ? believed.reason : 'drawn at random, beside what is believed', draw })
  }
  return { suggestions, exhausted: suggestions.length < count }
}

interface Model {
  readonly sample: Sample
  readonly kernel: KernelParameters
  /** The lowest target. Where losses are noisy it is lower than the best mean, and the search goes further afield. */
  readonly best: number
  /** The lowest loss, and what one unit of a target is as a loss there. */
  readonly bestLoss: number
  readonly unit: number
  readonly bases: readonly Float64Array[]
}

function modelOf({ observations }: GpState, ranked: RankedTrials, { isChoice }: SearchRegion): Model {
  const { points, losses, spreads } = learnedTrials(observations, ranked, MOST_KNOWN)
  const { values: targets, unit, slopes } = targetsOf(losses)
  const variances = excessVariances(spreads, slopes)
  const sample: Sample = { isChoice, points, targets, variances }
  const fitted = shownRanks(points.length, MOST_FITTED)
  const kernel = fitKernel({
    isChoice,
    points: fitted.map((rank) => points[rank]!),
    targets: Float64Array.from(fitted, (rank) => targets[rank]!),
    variances: Float64Array.from(fitted, (rank) => variances[rank]!),
  })
  const means = new Posterior(sample, kernel).fitted()
  const order = [...means.keys()].sort((a, b) => means[a]! - means[b]!)
  return {
    sample,
    kernel,
    best: lowest(targets),
    bestLoss: lowest(losses),
    unit,
    bases: order.slice(0, BASES).map((i) => points[i]!),
  }
}

function lowest(values: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY
  for (const value of values) least = Math.min(least, value)
  return least
}

/** The model with what it expects of the pending trials, which is to be improved on too. */
function believing({ sample, kernel, best }: Model, pending: readonly Float64Array[]) {
  const posterior = new Posterior(sample, kernel)
  let lowestMean = best
  for (const point of pending.slice(-MOST_PENDING)) {
    const { mean } = posterior.predict(point)
    posterior.add(point, mean)
    lowestMean = Math.min(lowestMean, mean)
  }
  return { posterior, lowestMean }
}

/** @param best the target that was to be improved on */
function why({ axes, settings }: GpState, model: Model, best: number, { score }: Proposal): string {
  const { sample, kernel, bestLoss, unit } = model
  const lengthscales = axes
    .map(({ name }, k) => ({ name, lengthscale: kernel.lengthscales[k]! }))
    .sort((a, b) => a.lengthscale - b.lengthscale)
    .slice(0, NAMED)
    .map(({ name, lengthscale }) => `${name} ${Number(lengthscale.toPrecision(2))}`)
  const improvement = Number((exactExp(score) * unit).toPrecision(3))
  const loss = bestLoss - (model.best - best) * unit
  const value = inWords(settings.goal === 'maximize' ? -loss : loss)
  return `expected improvement ${improvement} on ${value}; model of ${sample.points.length} trials; shortest lengthscales: ${lengthscales.join(', ')}`
}
