import { HealthReply } from '@sweep/spec/wire/health'
import { findingsOfRun, findingsOfSweep } from '@sweep/store/health/findings'
import { getRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { knownSweep, SweepPath } from '../sweeps/sweep-routes.ts'
import { RunPath } from '../tracking/run-routes.ts'
import { findingView } from './finding-view.ts'

const MOST_FINDINGS = 5000
const HealthQuery = z.strictObject({
  /** `true`: also what holds no more. */
  cleared: z.enum(['true', 'false']).default('false'),
})

/** What is wrong with runs by their metrics; docs/tracking/health.md. */
export function addRunHealthRoutes(app: App, context: ApiContext): void {
  const { database } = context

  app.get(
    '/runs/:id/health',
    {
      config: { access: 'run' },
      schema: {
        summary: 'What the metrics of a run have shown to be wrong, what still holds first',
        params: RunPath,
        response: { 200: HealthReply },
      },
    },
    async (request) => {
      const { id } = await getRun(database, request.params.id)
      return { findings: (await findingsOfRun(database, id)).map(findingView), more: false }
    },
  )

  app.get(
    '/sweeps/:id/health',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What the metrics of the trials of a sweep show to be wrong, by trial',
        params: SweepPath,
        querystring: HealthQuery,
        response: { 200: HealthReply },
      },
    },
    async (request) => {
      const { id } = await knownSweep(request.params.id, context)
      const cleared = request.query.cleared === 'true'
      const found = await findingsOfSweep(database, id, { cleared, limit: MOST_FINDINGS + 1 })
      return { findings: found.slice(0, MOST_FINDINGS).map(findingView), more: found.length > MOST_FINDINGS }
    },
  )
}
