import { type Contour, contour, type PartialDependence, partialDependence } from '@sweep/analysis/effects/dependence'
import { type BestSoFar, bestSoFar } from '@sweep/analysis/effects/progress'
import { type Slice, slice } from '@sweep/analysis/effects/slice'
import { type Timeline, timeline } from '@sweep/analysis/effects/timeline'
import { type Importance, importanceOf } from '@sweep/analysis/importance/importance'
import { meanPoints } from '@sweep/analysis/mean-points'
import type { SweepPoints } from '@sweep/analysis/trial-points'
import { commandText } from '@sweep/spec/command-text'
import { SweepError } from '@sweep/spec/errors'
import { objectivesOf } from '@sweep/spec/objectives'
import type { Config, Parameter } from '@sweep/spec/search-space'
import type { TrialState } from '@sweep/spec/trial'
import type { ConfigRow } from '@sweep/spec/wire/confirmation'
import type { Objective } from './chart/effect-charts.ts'
import { thinned } from './chart/plot.ts'
import { shortNumber } from './numbers.ts'
import type { ReportSource } from './report-source.ts'

export interface Effect {
  readonly parameter: Parameter
  readonly slice: Slice
  readonly dependence: PartialDependence | undefined
}

/** A report with all that is worked out from its source; what shows it only has to write it down. */
export interface SweepReport extends ReportSource {
  /** The first of several; undefined for a sweep without one, which has no effects either. */
  readonly objective: Objective | undefined
  readonly best: { readonly config: Config; readonly command: string; readonly text: string } | undefined
  readonly importance: Importance | undefined
  readonly effects: readonly Effect[]
  readonly contour: { readonly parameters: readonly [Parameter, Parameter]; readonly contour: Contour } | undefined
  readonly progress: readonly BestSoFar[]
  readonly timeline: Timeline
}

/** Charts of effects; the parameters beyond them matter least. */
const MOST_EFFECTS = 8
/** Trials that a model learns from; more would take longer than they are worth. */
const MOST_MODELLED = 1000

/**
 * Works out a report. The longest of its steps takes some tenths of a second.
 *
 * @param pause called between the steps, so that a service can do something else meanwhile
 */
export async function sweepReport(source: ReportSource, pause: () => Promise<void>): Promise<SweepReport> {
  const { sweep, trials, nowMs } = source
  const { document } = sweep
  const [metric] = objectivesOf(document)
  const byMean = source.configs?.find(({ mean }) => mean !== null)
  const config = byMean?.config ?? sweep.best?.config ?? source.leaderboard.find(({ front }) => front)?.config
  const common = {
    ...source,
    best: config && { config, command: commandText(document, config, {}), text: bestText(source, byMean) },
    timeline: timeline(trials, nowMs),
  }
  if (metric === undefined) {
    return { ...common, objective: undefined, importance: undefined, effects: [], contour: undefined, progress: [] }
  }
  const means: SweepPoints['trials'] = document.replicates === undefined ? trials : meanPoints(trials)
  const points: SweepPoints = { space: document.space, goal: metric.goal, trials: means }
  const modelled: SweepPoints = { ...points, trials: modelledTrials(means) }
  await pause()
  const importance = importanceOf(points, { method: 'fanova', seed: document.seed, mostTrials: MOST_MODELLED })
  const named = importance.parameters.map(({ name }) => document.space.parameters.find((one) => one.name === name))
  const effects: Effect[] = []
  for (const parameter of named.flatMap((one) => one ?? []).slice(0, MOST_EFFECTS)) {
    await pause()
    const found = ifAny(() => slice(points, parameter.name, binsFor(importance.trials)))
    if (found === undefined || found.points.length === 0) continue
    await pause()
    const dependence = ifAny(() => partialDependence(modelled, parameter.name, { seed: document.seed }))
    effects.push({ parameter, slice: found, dependence: isOfUse(dependence) ? dependence : undefined })
  }
  await pause()
  return {
    ...common,
    objective: { name: metric.name, goal: metric.goal },
    importance: importance.parameters.every((one) => Number.isFinite(one.importance)) ? importance : undefined,
    effects,
    contour: contourOf(modelled, effects, document.seed),
    progress: bestSoFar({ ...points, trials: means.map(asWhole) }),
  }
}

/** What the best config came to, and where. */
function bestText({ sweep, leaderboard }: ReportSource, byMean: ConfigRow | undefined): string {
  const name = sweep.metric?.name ?? 'value'
  if (byMean !== undefined) {
    const { mean, low, high, runs, trials } = byMean
    const interval = low === null ? '' : ` (${shortNumber(low)} to ${shortNumber(high)})`
    return `mean ${name} ${shortNumber(mean)}${interval} of ${runs} runs, trials ${trials.join(', ')}`
  }
  if (sweep.best !== null) return `${name} ${shortNumber(sweep.best.value)}, trial ${sweep.best.trial}`
  const [front] = leaderboard
  return `${name} ${shortNumber(front?.value)}, trial ${front?.number}`
}

/** Only trials that have ended are learned from, so only those are counted. */
function modelledTrials(trials: SweepPoints['trials']): SweepPoints['trials'] {
  return thinned(
    trials.filter(({ value, state }) => value !== null && (state === 'completed' || state === 'pruned')),
    MOST_MODELLED,
  )
}

/** Quartiles of two trials would say nothing. */
function binsFor(trials: number): number {
  return Math.min(10, Math.max(3, Math.floor(trials / 8)))
}

/** The best of a sweep may have been stopped early, so here whatever stands for a trial counts. */
function asWhole<Trial extends { readonly state: TrialState }>(trial: Trial): Trial {
  return trial.state === 'pruned' ? { ...trial, state: 'completed' } : trial
}

/** Of the two most important parameters that were active together. */
function contourOf(points: SweepPoints, effects: readonly Effect[], seed: number): SweepReport['contour'] {
  const parameters = effects.slice(0, 4).map(({ parameter }) => parameter)
  for (const [index, down] of parameters.entries()) {
    for (const across of parameters.slice(0, index)) {
      const found = ifAny(() => contour(points, [across.name, down.name], { seed }))
      if (found !== undefined && Number.isFinite(found.r2 ?? Number.NaN))
        return { parameters: [across, down], contour: found }
    }
  }
  return undefined
}

/** A model that no trial was left to judge is none; nor is one of values whose squares no double can hold. */
function isOfUse(dependence: PartialDependence | undefined): boolean {
  if (dependence === undefined || dependence.r2 === null || dependence.points.length < 2) return false
  return dependence.points.every(({ low, high }) => Number.isFinite(low) && Number.isFinite(high))
}

/** Undefined where there are not enough trials, or no parameter that varies: of a young sweep that is no error. */
function ifAny<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof SweepError && error.code === 'invalid-request') return undefined
    throw error
  }
}
