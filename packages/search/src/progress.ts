import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactOf } from '@sweep/spec/facts'
import { emptyHistory, keptLength, type TrialHistory, withReport } from './trial-history.ts'

/** How far a trial has come: what it reported, with the lowest loss and the highest resource among that. */
export interface Progress {
  readonly history: TrialHistory
  readonly best: number
  readonly reached: number
}

/** What counts as resource: the step of a report, or how many reports there were. */
export type ResourceUnit = 'step' | 'reports'

export const noProgress: Progress = {
  history: emptyHistory,
  best: Number.POSITIVE_INFINITY,
  reached: Number.NEGATIVE_INFINITY,
}

/** The resource at which a report was taken, once it is in the history. */
export function resourceOf({ history }: Progress, { step }: FactOf<'report'>, unit: ResourceUnit): number {
  return unit === 'step' ? step : history.length
}

/** Without what older attempts reported at or past the step at which the one of this report took up. */
export function takenUp(progress: Progress, { attempt, step }: FactOf<'report'>, unit: ResourceUnit): Progress {
  const { history } = progress
  const length = keptLength(history, attempt, step)
  if (length === history.length) return progress
  const steps = history.steps.slice(0, length)
  return {
    history: { ...history, length },
    best: history.losses.slice(0, length).reduce((best, loss) => Math.min(best, loss), noProgress.best),
    reached: unit === 'reports' ? length : steps.reduce((most, one) => Math.max(most, one), noProgress.reached),
  }
}

/** Adds a report to what `takenUp` left. */
export function advanced(progress: Progress, report: FactOf<'report'>, loss: number, unit: ResourceUnit): Progress {
  const history = withReport(progress.history, report.attempt, report.step, loss)
  return {
    history,
    best: Math.min(progress.best, loss),
    reached: Math.max(progress.reached, unit === 'step' ? report.step : history.length),
  }
}

/** The loss that stands for a trial after this one: the best so far where `metric.summary` says so, if this is finite. */
export function standingLoss({ best }: Progress, loss: number, { summary }: Metric): number {
  return Number.isFinite(loss) && summary === 'best' ? best : loss
}
