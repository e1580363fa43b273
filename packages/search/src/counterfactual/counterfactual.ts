import type { EarlyTerminate, SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact } from '@sweep/spec/facts'
import { createSweepFold, foldFact, type SweepFold } from '../fold.ts'
import { BY_PRUNER } from '../pruner.ts'
import { added, type Cost, costOf, NO_COST, scaled } from './cost.ts'
import { type Playback, playback } from './playback.ts'
import type { PlayedTrial } from './player.ts'
import { recordedSampler } from './recorded-sampler.ts'
import { medianOf, type Recording, recordingOf, type Tape } from './recording.ts'

/** One of the best trials of the record that another pruner would have ended before its end. */
export interface KilledTrial {
  readonly trial: number
  /** Place among the trials of the record, from 1, and the value that stands for it there. */
  readonly rank: number
  readonly value: number
  /** Its last report before that; null when it had none. */
  readonly step: number | null
  readonly valueAtStep: number | null
  readonly reason: string
}

/** What a sweep would have come to with one pruner, as far as its record tells. */
export interface Outcome {
  /** Trials that the pruner ended: how many, and which. */
  readonly pruned: number
  readonly prunedTrials: readonly number[]
  /** Trials that it would have let go on where their curves end, because the sweep's own pruner stopped them there. */
  readonly unknown: readonly number[]
  /** All trials without what the unknown ones would have taken from there on: the least it can have been. */
  readonly cost: Cost
  /** With all of the unknown ones trained to the end, each at its own pace: an estimate. */
  readonly costAtMost: Cost
  /** Without what the unknown ones would have come to. */
  readonly best: { readonly trial: number; readonly value: number } | null
  /** By how much the best is worse than that of the record, in the metric's unit; null when either has none. */
  readonly regret: number | null
  /** Of the best trials of the record those that it would have ended, the best one first. */
  readonly killed: readonly KilledTrial[]
}

export interface Counterfactual {
  readonly recorded: Outcome
  /** In the order of the pruners that were asked for. */
  readonly outcomes: readonly Outcome[]
  /** The best trials of the record that are looked for among the killed, best first. */
  readonly top: readonly number[]
  /** How many reports a full training has: the median of the completed trials, or the most where none is completed. */
  readonly fullReports: number
  /** Whether `fullReports` is of completed trials. */
  readonly isFullKnown: boolean
  /** Attempts that still ran when the record ends. */
  readonly running: number
}

/**
 * What other pruners would have made of a recorded sweep, by its own curves in the order of its own reports. See `playback`
 * for the rules.
 *
 * @param facts all facts of the sweep, in the order of their numbers
 * @param pruners `early_terminate` of each; undefined stops no trial early
 * @param top how many of the best trials are looked for among those that would have been ended; integer >= 1
 */
export function counterfactual(
  document: SweepDocument,
  facts: readonly Fact[],
  pruners: readonly (EarlyTerminate | undefined)[],
  top = 5,
): Counterfactual {
  const recording = recordingOf(document, facts)
  const fold = createSweepFold(document)
  fold.sampler = recordedSampler
  for (const fact of facts) foldFact(fold, fact)
  const ranking = rankingOf(fold)
  const full = fullLength(recording, fold)
  const context: Context = { recording, fold, ranking, full, top }
  return {
    recorded: recordedOutcome(context),
    outcomes: pruners.map((pruner) => outcomeOf(context, playback(recording, pruner))),
    top: ranking.slice(0, top).map(({ trial }) => trial),
    fullReports: full.reports,
    isFullKnown: full.isKnown,
    running: fold.running.size,
  }
}

interface Context {
  readonly recording: Recording
  /** Of the record. */
  readonly fold: SweepFold
  readonly ranking: readonly { readonly trial: number; readonly value: number }[]
  readonly full: FullLength
  readonly top: number
}

interface FullLength {
  readonly reports: number
  /** Milliseconds from one report to the next, at the median of all trials; undefined where none reported twice. */
  readonly pace: number | undefined
  readonly cost: Cost
  readonly isKnown: boolean
}

/** Trials with a value, the best first; of equals the lower number. */
function rankingOf({ trials, document }: SweepFold): { trial: number; value: number }[] {
  const sign = document.metric?.goal === 'maximize' ? -1 : 1
  return [...trials.values()]
    .flatMap(({ number, value }) => (value === undefined ? [] : [{ trial: number, value }]))
    .sort((a, b) => sign * (a.value - b.value) || a.trial - b.trial)
}

/** What a full training takes, by the trials that had one. */
function fullLength({ tapes }: Recording, { trials }: SweepFold): FullLength {
  const lengths = [...tapes.values()].map((tape) => ({
    isCompleted: trials.get(tape.trial)?.state === 'completed',
    reports: reportsOf(tape),
    cost: costOfTape(tape),
  }))
  const completed = lengths.filter(({ isCompleted }) => isCompleted)
  const of = completed.length > 0 ? completed : lengths
  return {
    reports:
      (completed.length > 0
        ? medianOf(of.map(({ reports }) => reports))
        : of.reduce((most, { reports }) => Math.max(most, reports), 0)) ?? 0,
    cost: {
      seconds: medianOf(of.map(({ cost }) => cost.seconds)) ?? 0,
      gpuSeconds: medianOf(of.map(({ cost }) => cost.gpuSeconds)) ?? 0,
    },
    pace: medianOf([...tapes.values()].flatMap((tape) => paceOf(tape) ?? [])),
    isKnown: completed.length > 0,
  }
}

/** Milliseconds from one report to the next, without what an attempt takes to begin; undefined for fewer than two. */
function paceOf({ events }: Tape): number | undefined {
  let ms = 0
  let steps = 0
  let before: { readonly attempt: number; readonly time: number } | undefined
  for (const { fact, time } of events) {
    if (fact.kind !== 'report') continue
    if (before?.attempt === fact.attempt) {
      ms += time - before.time
      steps += 1
    }
    before = { attempt: fact.attempt, time }
  }
  return steps === 0 ? undefined : ms / steps
}

function reportsOf({ events }: Tape): number {
  return events.filter(({ fact }) => fact.kind === 'report').length
}

function costOfTape({ attempts }: Tape): Cost {
  return costOf([...attempts.values()].map((attempt) => ({ attempt, from: attempt.startedAt, to: attempt.endedAt })))
}

function recordedOutcome({ recording, fold }: Context): Outcome {
  const cost = [...recording.tapes.values()].map(costOfTape).reduce(added, NO_COST)
  const pruned = [...recording.tapes.values()].filter(isPrunedByPruner).map(({ trial }) => trial)
  const best = fold.best ?? null
  return {
    ...{ pruned: pruned.length, prunedTrials: pruned, unknown: [], cost, costAtMost: cost },
    ...{ best, regret: best === null ? null : 0, killed: [] },
  }
}

function isPrunedByPruner({ events }: Tape): boolean {
  const isByPerson = events.some(
    ({ fact }) => fact.kind === 'stop-asked' && fact.stop === 'pruned' && fact.by !== BY_PRUNER,
  )
  return !isByPerson && events.some(({ fact }) => fact.kind === 'trial-ended' && fact.state === 'pruned')
}

function outcomeOf(context: Context, { fold, trials }: Playback): Outcome {
  const { recording, ranking, top, full } = context
  const unknown = trials.filter(({ isUnknown }) => isUnknown)
  const isByPerson = ({ trial }: PlayedTrial) => !isPrunedByPruner(recording.tapes.get(trial)!)
  const pruned = trials.filter((trial) => {
    if (trial.isUnknown || fold.trials.get(trial.trial)?.state !== 'pruned') return false
    return trial.stopped !== undefined || !isByPerson(trial)
  })
  const cost = trials.map(({ spans }) => costOf(spans)).reduce(added, NO_COST)
  const costAtMost = unknown.reduce(
    (sum, trial) => added(sum, restOf(trial, recording.tapes.get(trial.trial)!, full)),
    cost,
  )
  const best = fold.best ?? null
  const byNumber = new Map(trials.map((trial) => [trial.trial, trial]))
  const killed = ranking.slice(0, top).flatMap(({ trial, value }, index) => {
    const played = byNumber.get(trial)
    if (played?.isShortened !== true) return []
    const { last, stopped } = played
    return [
      {
        ...{ trial, rank: index + 1, value },
        ...{ step: last?.step ?? null, valueAtStep: last?.value ?? null, reason: stopped?.reason ?? '' },
      },
    ]
  })
  return {
    ...{ pruned: pruned.length, prunedTrials: pruned.map(({ trial }) => trial) },
    ...{ unknown: unknown.map(({ trial }) => trial), cost, costAtMost, best },
    ...{ regret: regretOf(context.fold, best), killed },
  }
}

/** What an unknown trial would have taken from where its curve ends to the end of a full training, at its own pace. */
function restOf({ spans, reports }: PlayedTrial, tape: Tape, full: FullLength): Cost {
  if (reports === 0) return full.cost
  const soFar = costOf(spans)
  const left = Math.max(0, full.reports - reports)
  // One that has reported once shows no pace of its own, and what it took to begin is none.
  const pace = paceOf(tape) ?? full.pace
  if (pace === undefined) return scaled(soFar, left / reports)
  const seconds = (left * pace) / 1000
  return { seconds, gpuSeconds: soFar.seconds > 0 ? seconds * (soFar.gpuSeconds / soFar.seconds) : 0 }
}

function regretOf(recorded: SweepFold, best: Outcome['best']): number | null {
  if (best === null || recorded.best === undefined) return null
  const worse = best.value - recorded.best.value
  return (recorded.document.metric?.goal === 'maximize' ? -worse : worse) + 0
}
