import { ExperimentId, RunId } from '@sweep/spec/ids'
import { RUN_STATUSES } from '@sweep/spec/tracking/run-status'
import { RunList } from '@sweep/spec/wire/tracking/runs'
import { getExperiment } from '@sweep/store/tracking/experiments'
import { listRuns } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { runView } from './run-view.ts'

const RunQuery = z.strictObject({
  experiment: ExperimentId,
  status: z
    .union([z.enum(RUN_STATUSES), z.array(z.enum(RUN_STATUSES))])
    .transform((statuses) => [statuses].flat())
    .optional(),
  parent: RunId.optional(),
  deleted: z.enum(['only', 'include', 'exclude']).default('exclude'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(500).optional(),
})
const Position = z.int().min(0)

export function addRunListRoutes(app: App, { database }: ApiContext): void {
  app.get(
    '/runs',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Runs of an experiment or trials of a sweep, newest first',
        querystring: RunQuery,
        response: { 200: RunList },
      },
    },
    async (request) => {
      const { experiment, status, parent, deleted, limit, after } = request.query
      await getExperiment(database, experiment)
      const found = await listRuns(database, {
        experimentId: experiment,
        deleted,
        limit: limit + 1,
        ...(status === undefined ? {} : { statuses: status }),
        ...(parent === undefined ? {} : { parentRunId: parent }),
        ...(after === undefined ? {} : { beforeKey: decodeCursor(after, Position) }),
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { runs: page.map(runView), next: last === undefined ? null : encodeCursor(last.key) }
    },
  )
}
