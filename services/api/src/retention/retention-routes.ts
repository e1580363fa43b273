import { type RetentionAction, type RetentionRound, RetentionView } from '@sweep/spec/wire/tracking/retention'
import type { RetainedRun } from '@sweep/store/retention/retained-runs'
import { askRetention, type RoundRecord, retentionRounds } from '@sweep/store/retention/rounds'
import { getProject, type ProjectRecord } from '@sweep/store/tracking/projects'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { ProjectPath } from '../tracking/project-routes.ts'
import { projectPlan } from './project-plan.ts'

const ViewQuery = z.strictObject({
  /** Most steps that are listed. */
  limit: z.coerce.number().int().min(0).max(10_000).default(1000),
})

/** What the policy of a project does: a look at it beforehand, and doing it now. */
export function addRetentionRoutes(app: App, { clock, database, log }: ApiContext): void {
  app.get(
    '/projects/:id/retention',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What the policy of a project would archive, thin out and purge now, and what it has done',
        params: ProjectPath,
        querystring: ViewQuery,
        response: { 200: RetentionView },
      },
    },
    async (request) => view(await getProject(database, request.params.id), request.query.limit),
  )

  app.post(
    '/projects/:id/retention',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Follow the policy of a project now; it is done when isAsked is false',
        params: ProjectPath,
        response: { 202: RetentionView },
      },
    },
    async (request, reply) => {
      const project = await getProject(database, request.params.id)
      await askRetention(database, project.id)
      log.info({ project: project.id, by: principalName(request.principal) }, 'retention asked for')
      return reply.status(202).send(await view(project, 0))
    },
  )

  async function view(project: ProjectRecord, limit: number): Promise<RetentionView> {
    const { archive, points, deleted } = project.settings
    const due = { archivedRuns: 0, thinnedRuns: 0, purgedRuns: 0 }
    const steps: RetentionView['steps'] = []
    const unjudged: RetentionView['unjudged'] = []
    for await (const { experiment, plan } of projectPlan(database, project, new Date(clock.now()))) {
      due.archivedRuns += plan.archive.length
      due.thinnedRuns += plan.thin.length
      due.purgedRuns += plan.purge.length
      if (plan.isUnjudged) unjudged.push({ experimentId: experiment.id, experiment: experiment.name })
      const list = (action: RetentionAction, runs: readonly RetainedRun[]) => {
        for (const { id: runId, name, deletedAt, endedAt, points: stored } of runs.slice(0, limit - steps.length)) {
          const since = (action === 'purge' ? deletedAt : endedAt) ?? new Date(0)
          const about = { action, runId, name, experiment: experiment.name }
          steps.push({ ...about, since: since.toISOString(), points: stored })
        }
      }
      list('archive', plan.archive)
      list('thin', plan.thin)
      list('purge', plan.purge)
    }
    const { isAsked, rounds } = await retentionRounds(database, project.id)
    return { policy: { archive, points, deleted }, due, steps, unjudged, isAsked, rounds: rounds.map(roundView) }
  }
}

function roundView({ startedAt, endedAt, ...counts }: RoundRecord): RetentionRound {
  return { ...counts, startedAt: startedAt.toISOString(), endedAt: endedAt?.toISOString() ?? null }
}
