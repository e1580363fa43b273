import { SweepError } from '@sweep/spec/errors'
import { SweepCreated } from '@sweep/spec/wire/api'
import { ConfigBoard, Confirmation, ConfirmSweep } from '@sweep/spec/wire/confirmation'
import { sweepDefinition } from '@sweep/store/sweeps'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { configBoard } from './config-board.ts'
import { confirmationView } from './confirmation-view.ts'
import { allTrials } from './importance-routes.ts'
import { makeConfirmation } from './make-confirmation.ts'
import { knownSweep, SweepPath } from './sweep-routes.ts'
import { sweepView } from './sweep-view.ts'

const BoardQuery = z.strictObject({ limit: z.coerce.number().int().min(1).max(10_000).default(1000) })

/** Whether the best configs are as good as they look; docs/analysis/confirm.md. */
export function addConfirmRoutes(app: App, context: ApiContext): void {
  const { database, log, notifier } = context

  app.post(
    '/sweeps/:id/confirm',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Run the best configs again with fresh seeds, in a sweep of their own',
        params: SweepPath,
        body: ConfirmSweep,
        response: { 201: SweepCreated },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      await knownSweep(id, context)
      const { sweep, trials } = await makeConfirmation(id, request.body, context)
      notifier.tell('sweep_changed', [sweep.id])
      log.info({ sweepId: sweep.id, of: id, trials, by: principalName(request.principal) }, 'sweep confirmed')
      const { top, seeds } = request.body
      const fewer = `only ${trials.length} different configs of the sweep have completed with a value`
      const warnings = trials.length < top && trials.length < 2 ? [{ message: fewer }] : []
      const few =
        seeds < 5 ? [{ message: `with fewer than 5 seeds hardly any difference can be told from chance` }] : []
      return reply.status(201).send({ sweep: sweepView(sweep), warnings: [...warnings, ...few] })
    },
  )

  app.get(
    '/sweeps/:id/confirmation',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What the runs of a confirming sweep say of the recorded winner',
        params: SweepPath,
        response: { 200: Confirmation },
      },
    },
    async (request) => confirmationView(database, await knownSweep(request.params.id, context)),
  )

  app.get(
    '/sweeps/:id/configs',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Configs by the mean of their runs, the best first',
        params: SweepPath,
        querystring: BoardQuery,
        response: { 200: ConfigBoard },
      },
    },
    async (request) => {
      const { id } = request.params
      await knownSweep(id, context)
      const { document } = await sweepDefinition(database, id)
      const { metric, replicates } = document
      if (metric === undefined) {
        throw new SweepError('invalid-request', 'the sweep names no metric, so its configs have no mean')
      }
      const rows = configBoard(await allTrials(database, id), document).slice(0, request.query.limit)
      return { metric: { name: metric.name, goal: metric.goal }, seeds: replicates?.seeds ?? 1, rows }
    },
  )
}
