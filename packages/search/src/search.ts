import { assertNever } from '@sweep/spec/assert-never'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { asha } from './asha/asha-pruner.ts'
import { gridSampler } from './grid/grid-sampler.ts'
import { wandbHyperband } from './hyperband-wandb/wandb-hyperband-pruner.ts'
import { lhsSampler } from './lhs/lhs-sampler.ts'
import { median } from './median/median-pruner.ts'
import { type PrunerRun, startPruner } from './pruner.ts'
import { randomSampler } from './random/random-sampler.ts'
import { type SamplerRun, type SamplerSettings, startSampler } from './sampler.ts'
import { sobolSampler } from './sobol/sobol-sampler.ts'
import { tpeSampler } from './tpe/tpe-sampler.ts'

type Start = (document: SweepDocument, settings: SamplerSettings) => SamplerRun

/** Every method of the sweep document. A new sampler is a folder of its own, a name in the document and a line here. */
const SAMPLERS: Record<SweepDocument['method'], Start> = {
  grid: (document, settings) => startSampler(gridSampler, document.space, document.seed, settings),
  random: (document, settings) => startSampler(randomSampler, document.space, document.seed, settings),
  sobol: (document, settings) => startSampler(sobolSampler, document.space, document.seed, settings),
  lhs: (document, settings) => startSampler(lhsSampler, document.space, document.seed, settings),
  tpe: (document, settings) => startSampler(tpeSampler, document.space, document.seed, settings),
}

export interface Search {
  readonly sampler: SamplerRun
  /** Absent when the document stops no trial early, or names no metric to judge by. */
  readonly pruner: PrunerRun | undefined
}

/** The sampler and pruner that a document asks for, before the first fact. */
export function createSearch(document: SweepDocument): Search {
  return {
    sampler: SAMPLERS[document.method](document, { goal: document.metric?.goal ?? 'minimize' }),
    pruner: createPruner(document),
  }
}

function createPruner({ earlyTerminate, metric }: SweepDocument): PrunerRun | undefined {
  if (earlyTerminate === undefined || metric === undefined) return undefined
  switch (earlyTerminate.type) {
    case 'hyperband':
      return startPruner(wandbHyperband, earlyTerminate, metric)
    case 'asha':
      return startPruner(asha, earlyTerminate, metric)
    case 'median':
      return startPruner(median, earlyTerminate, metric)
    default:
      return assertNever(earlyTerminate)
  }
}
