import { assertNever } from '@sweep/spec/assert-never'
import { type Metric, Pbt, type SweepDocument, trainsPopulation } from '@sweep/spec/document/sweep-document'
import { type AshaSettings, asha } from './asha/asha-pruner.ts'
import { promotingAsha } from './asha/promoting-asha-pruner.ts'
import { autoSampler } from './auto/auto-sampler.ts'
import { cmaesSampler } from './cmaes/cmaes-sampler.ts'
import { evolutionSampler } from './evolution/evolution-sampler.ts'
import { extrapolate } from './extrapolate/extrapolate-pruner.ts'
import { gpSampler } from './gp/gp-sampler.ts'
import { gridSampler } from './grid/grid-sampler.ts'
import { syncHyperband } from './hyperband/sync-hyperband-pruner.ts'
import { wandbHyperband } from './hyperband-wandb/wandb-hyperband-pruner.ts'
import { lhsSampler } from './lhs/lhs-sampler.ts'
import { limitsOf } from './limits.ts'
import { median } from './median/median-pruner.ts'
import { nsga2Sampler } from './nsga2/nsga2-sampler.ts'
import { levelsOf } from './observations/levels.ts'
import { patience } from './patience/patience-pruner.ts'
import { pb2Sampler } from './pb2/pb2-sampler.ts'
import { pbtPruner } from './pbt/pbt-pruner.ts'
import { pbtSampler } from './pbt/pbt-sampler.ts'
import { percentile } from './percentile/percentile-pruner.ts'
import { type PrunerRun, startPruner } from './pruner.ts'
import { randomSampler } from './random/random-sampler.ts'
import { replicated } from './replicates/replicated-sampler.ts'
import { type SamplerRun, type SamplerSettings, startSampler } from './sampler.ts'
import { sobolSampler } from './sobol/sobol-sampler.ts'
import { threshold } from './threshold/threshold-pruner.ts'
import { tpeSampler } from './tpe/tpe-sampler.ts'
import { wilcoxon } from './wilcoxon/wilcoxon-pruner.ts'

type Start = (document: SweepDocument, settings: SamplerSettings) => SamplerRun

/** Every method of the sweep document. A new sampler is a folder of its own, a name in the document and a line here. */
const SAMPLERS: Record<SweepDocument['method'], Start> = {
  auto: (document, settings) => startSampler(autoSampler, document.space, document.seed, settings),
  grid: (document, settings) => startSampler(gridSampler, document.space, document.seed, settings),
  random: (document, settings) => startSampler(randomSampler, document.space, document.seed, settings),
  sobol: (document, settings) => startSampler(sobolSampler, document.space, document.seed, settings),
  lhs: (document, settings) => startSampler(lhsSampler, document.space, document.seed, settings),
  tpe: (document, settings) => startSampler(tpeSampler, document.space, document.seed, settings),
  nsga2: (document, settings) => startSampler(nsga2Sampler, document.space, document.seed, settings),
  gp: (document, settings) => startSampler(gpSampler, document.space, document.seed, settings),
  cmaes: (document, settings) => startSampler(cmaesSampler, document.space, document.seed, settings),
  evolution: (document, settings) => startSampler(evolutionSampler, document.space, document.seed, settings),
  pbt: (document, settings) => startSampler(pbtSampler(pbtOf(document)), document.space, document.seed, settings),
  pb2: (document, settings) => startSampler(pb2Sampler(pbtOf(document)), document.space, document.seed, settings),
}

/** The settings of a population; those of a document that names none are its defaults. */
function pbtOf({ pbt }: SweepDocument): Pbt {
  return pbt ?? Pbt.parse({})
}

export interface Search {
  readonly sampler: SamplerRun
  /** Absent when the document stops no trial early, or names no metric to judge by. */
  readonly pruner: PrunerRun | undefined
}

/** The sampler and pruner that a document asks for, before the first fact. */
export function createSearch(document: SweepDocument): Search {
  const { replicates } = document
  const sampler = SAMPLERS[document.method](document, settingsOf(document))
  return {
    sampler: replicates === undefined ? sampler : replicated(sampler, replicates.seeds),
    pruner: createPruner(document),
  }
}

function settingsOf(document: SweepDocument): SamplerSettings {
  const { metric, objectives, constraints, earlyTerminate, warmStart } = document
  const past = warmStart?.results ?? []
  return { goal: metric?.goal ?? 'minimize', objectives, constraints, levels: levelsOf(earlyTerminate), past }
}

/** The pruner of a document, before the first fact; undefined when it stops no trial early. */
export function createPruner(document: SweepDocument): PrunerRun | undefined {
  const { earlyTerminate, metric } = document
  if (metric === undefined) return undefined
  if (trainsPopulation(document.method)) {
    return startPruner(pbtPruner, { pbt: pbtOf(document), limits: limitsOf(document) }, metric)
  }
  if (earlyTerminate === undefined) return undefined
  switch (earlyTerminate.type) {
    case 'hyperband':
      return startPruner(wandbHyperband, earlyTerminate, metric)
    case 'asha':
      return startAsha({ ...earlyTerminate, objectives: document.objectives }, metric)
    case 'sync-hyperband':
      return startPruner(syncHyperband, earlyTerminate, metric)
    case 'median':
      return startPruner(median, earlyTerminate, metric)
    case 'percentile':
      return startPruner(percentile, earlyTerminate, metric)
    case 'patience':
      return startPruner(patience, earlyTerminate, metric)
    case 'threshold':
      return startPruner(threshold, earlyTerminate, metric)
    case 'wilcoxon':
      return startPruner(wilcoxon, earlyTerminate, metric)
    case 'extrapolate':
      return startPruner(extrapolate, earlyTerminate, metric)
    default:
      return assertNever(earlyTerminate)
  }
}

function startAsha(settings: AshaSettings, metric: Metric): PrunerRun {
  return settings.mode === 'promote'
    ? startPruner(promotingAsha, settings, metric)
    : startPruner(asha, settings, metric)
}
