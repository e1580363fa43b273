import type { Client } from '@sweep/client/client'
import { RunEnvironment } from '@sweep/spec/run-environment'
import type { AttemptView, MetricSeries, SweepDetail, TrialDetail } from '@sweep/spec/wire/api'

/** What is known of how a trial was run. */
export interface RunRecord {
  readonly sweep: SweepDetail
  readonly trial: TrialDetail
  /** The newest that was started; undefined where none was. */
  readonly attempt: AttemptView | undefined
  readonly environment: RunEnvironment
}

const NOTHING_RECORDED: RunEnvironment = RunEnvironment.parse({})
/** More than any program reports that a person runs again. */
const MOST_POINTS = 100_000

export async function loadRunRecord(client: Client, sweepId: string, number: number): Promise<RunRecord> {
  const [sweep, trial] = await Promise.all([client.getSweep(sweepId), client.getTrial(sweepId, number)])
  const attempt = trial.attemptList.findLast((one) => one.argv !== null)
  if (attempt === undefined) return { sweep, trial, attempt, environment: NOTHING_RECORDED }
  const { environment } = await client.trialEnvironment(sweepId, number, attempt.number)
  return { sweep, trial, attempt, environment: RunEnvironment.parse(environment) }
}

/** Series of what a program reports, without what its agent measures. Of several attempts the newer replace the older. */
export async function loadSeries(client: Client, { sweep, trial }: RunRecord): Promise<MetricSeries[]> {
  const byName = new Map<string, Map<number, number>>()
  for (const { number, argv } of trial.attemptList) {
    if (argv === null) continue
    const { series } = await client.trialMetrics(sweep.id, trial.number, { attempt: number, maxPoints: MOST_POINTS })
    for (const { name, steps, values } of series) {
      if (name.startsWith('system/')) continue
      const points = byName.get(name) ?? new Map<number, number>()
      byName.set(name, points)
      const takenUpAt = steps.reduce((least, step) => Math.min(least, step), Number.POSITIVE_INFINITY)
      for (const step of points.keys()) if (step >= takenUpAt) points.delete(step)
      for (const [index, step] of steps.entries()) points.set(step, values[index] ?? Number.NaN)
    }
  }
  return [...byName].map(([name, points]) => ({ name, steps: [...points.keys()], values: [...points.values()] }))
}
