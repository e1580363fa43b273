import { SweepId } from '@sweep/spec/ids'
import type { JudgedBy } from '@sweep/spec/wire/tracking/projects'
import type { Database } from '@sweep/store/database'
import { type RetainedRun, retainedRuns } from '@sweep/store/retention/retained-runs'
import { type TrialStanding, trialStandings } from '@sweep/store/standings'
import { sweepDefinition } from '@sweep/store/sweeps'
import type { ExperimentRecord } from '@sweep/store/tracking/experiments'
import { orderByObjectives } from '../trials/objective-order.ts'
import type { RunsToRetain } from './plan-retention.ts'

/**
 * The runs of an experiment, and which are the best: trials in the order of their sweep's leaderboard, others by the best
 * value of the metric of the experiment, or else of the project.
 */
export async function runsToRetain(
  database: Database,
  experiment: ExperimentRecord,
  projectMetric: JudgedBy | undefined,
): Promise<RunsToRetain> {
  if (experiment.kind === 'sweep') {
    const runs = await retainedRuns(database, experiment.id, null)
    return { runs, ranking: await trialRanking(database, experiment, runs) }
  }
  const judgedBy = experiment.metric ?? projectMetric ?? null
  const runs = await retainedRuns(database, experiment.id, judgedBy)
  return { runs, ranking: judgedBy === null ? undefined : runRanking(runs, judgedBy) }
}

/** Ties go to the run that was made first. */
export function runRanking(runs: readonly RetainedRun[], { goal }: JudgedBy): number[] {
  const sign = goal === 'minimize' ? 1 : -1
  return runs
    .flatMap(({ key, best }) => (best === null || !Number.isFinite(best) ? [] : [{ key, loss: sign * best }]))
    .sort((a, b) => a.loss - b.loss || a.key - b.key)
    .map(({ key }) => key)
}

async function trialRanking(
  database: Database,
  { id }: ExperimentRecord,
  runs: readonly RetainedRun[],
): Promise<number[] | undefined> {
  const sweepId = SweepId.parse(id)
  const { document } = await sweepDefinition(database, sweepId)
  if (document.metric === undefined) return undefined
  const trials = (await trialStandings(database, sweepId)).filter(({ loss }) => loss !== null)
  // One objective needs no fronts, which take their time where there are many trials.
  const places = document.objectives === undefined ? trials.toSorted(byLoss) : orderByObjectives(trials, document)
  const keys = new Map(runs.map(({ key, trial }) => [trial, key]))
  return places.flatMap(({ number }) => keys.get(number) ?? [])
}

function byLoss(a: TrialStanding, b: TrialStanding): number {
  return Number(a.isInfeasible) - Number(b.isInfeasible) || (a.loss ?? 0) - (b.loss ?? 0) || a.number - b.number
}
