import type { Database } from '@sweep/store/database'
import { type ExperimentRecord, listExperiments } from '@sweep/store/tracking/experiments'
import type { ProjectRecord } from '@sweep/store/tracking/projects'
import { planRetention, type RetentionPlan } from './plan-retention.ts'
import { runsToRetain } from './rank-runs.ts'

const PAGE = 500

/**
 * What the policy of a project would do at a time, one experiment after the other: all its runs together may be more than
 * fit into memory.
 */
export async function* projectPlan(
  database: Database,
  { name: project, settings }: ProjectRecord,
  now: Date,
): AsyncGenerator<{ readonly experiment: ExperimentRecord; readonly plan: RetentionPlan }> {
  let before: { createdAt: Date; id: string } | undefined
  do {
    const page = await listExperiments(database, { project, limit: PAGE, ...(before === undefined ? {} : { before }) })
    for (const experiment of page) {
      const runs = await runsToRetain(database, experiment, settings.experiment.metric)
      yield { experiment, plan: planRetention(runs, settings, now) }
    }
    before = page.length < PAGE ? undefined : page.at(-1)
  } while (before !== undefined)
}
