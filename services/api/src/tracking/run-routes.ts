import { SweepError } from '@sweep/spec/errors'
import { ExperimentId, newId, RunId } from '@sweep/spec/ids'
import {
  ChangeRun,
  ChangeTags,
  CreateRun,
  EndRun,
  LogParams,
  ParamsLogged,
  RunDetail,
  RunView,
  TagsView,
} from '@sweep/spec/wire/tracking/runs'
import { changeRun, changeTags, logParams } from '@sweep/store/tracking/change-run'
import { archiveRun, createRun, deleteRun, endRun, getRun, isRunBelow, restoreRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import { principalName, runOfTrial } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { runDetail, runView } from './run-view.ts'

export const RunPath = z.strictObject({ id: RunId })

/** Runs, of trials and others. What a trial decides itself is refused by the store. */
export function addRunRoutes(app: App, context: ApiContext): void {
  const { database, log, randomBytes } = context

  app.post(
    '/runs',
    {
      config: { access: 'nest' },
      schema: {
        summary: 'Make a run, of a trial below its own; with the id of the same request before, the one there is',
        body: CreateRun,
        response: { 200: RunView, 201: RunView },
      },
    },
    async (request, reply) => {
      const { experimentId, experiment, project } = request.body
      if (experimentId !== undefined && (experiment !== undefined || project !== undefined)) {
        throw new SweepError(
          'invalid-request',
          'name the experiment either by experimentId or by experiment and project',
        )
      }
      if (request.principal.kind === 'trial') await refuseElsewhere(runOfTrial(request.principal), request.body)
      const { run, created } = await createRun(database, {
        ...request.body,
        id: request.body.id ?? RunId.parse(newId(randomBytes)),
        newExperimentId: ExperimentId.parse(newId(randomBytes)),
        createdBy: principalName(request.principal),
      })
      if (created) log.info({ run: run.id, experiment: run.experimentId }, 'run created')
      return reply.status(created ? 201 : 200).send(runView(run))
    },
  )

  app.get(
    '/runs/:id',
    {
      config: { access: 'run' },
      schema: { summary: 'One run, also a deleted one', params: RunPath, response: { 200: RunDetail } },
    },
    async (request) => runDetail(await getRun(database, request.params.id), context),
  )

  app.patch(
    '/runs/:id',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Change what is named of a run',
        params: RunPath,
        body: ChangeRun,
        response: { 200: RunDetail },
      },
    },
    async (request) => {
      const { id } = request.params
      const { principal, body } = request
      if (principal.kind === 'trial' && body.parentRunId !== undefined) {
        await refuseElsewhere(runOfTrial(principal), { parentRunId: body.parentRunId ?? undefined })
      }
      await changeRun(database, id, body)
      return runDetail(await getRun(database, id), context)
    },
  )

  app.post(
    '/runs/:id/end',
    {
      config: { access: 'log' },
      schema: { summary: 'End a run', params: RunPath, body: EndRun.nullish(), response: { 200: RunView } },
    },
    async (request) => {
      const { id } = request.params
      const end = request.body ?? EndRun.parse({})
      await endRun(database, id, end)
      log.info({ run: id, status: end.status, by: principalName(request.principal) }, 'run ended')
      return runView(await getRun(database, id))
    },
  )

  app.delete(
    '/runs/:id',
    {
      config: { access: 'operator' },
      schema: { summary: 'Hide a run; it can be restored', params: RunPath, response: { 200: RunView } },
    },
    async (request) => {
      const { id } = request.params
      await deleteRun(database, id)
      log.info({ run: id, by: principalName(request.principal) }, 'run deleted')
      return runView(await getRun(database, id))
    },
  )

  app.post(
    '/runs/:id/archive',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Put a run away that is over; it can be restored',
        params: RunPath,
        response: { 200: RunView },
      },
    },
    async (request) => {
      const { id } = request.params
      await archiveRun(database, id)
      log.info({ run: id, by: principalName(request.principal) }, 'run archived')
      return runView(await getRun(database, id))
    },
  )

  app.post(
    '/runs/:id/restore',
    {
      config: { access: 'operator' },
      schema: { summary: 'Show a deleted or archived run again', params: RunPath, response: { 200: RunView } },
    },
    async (request) => {
      const { id } = request.params
      await restoreRun(database, id)
      return runView(await getRun(database, id))
    },
  )

  app.post(
    '/runs/:id/params',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Log params, nested or flat; a known one may only be given another value with overwrite',
        params: RunPath,
        body: LogParams,
        response: { 200: ParamsLogged },
      },
    },
    (request) => logParams(database, request.params.id, request.body.params, request.body.overwrite),
  )

  app.post(
    '/runs/:id/tags',
    {
      config: { access: 'log' },
      schema: { summary: 'Set and remove tags', params: RunPath, body: ChangeTags, response: { 200: TagsView } },
    },
    async (request) => ({ tags: await changeTags(database, request.params.id, request.body) }),
  )

  /** A trial makes runs below its own, in the experiment of that. */
  async function refuseElsewhere(own: RunId, { parentRunId, experimentId, experiment, project }: NewRunBody) {
    const isBelow = parentRunId !== undefined && (parentRunId === own || (await isRunBelow(database, parentRunId, own)))
    if (isBelow && experimentId === undefined && experiment === undefined && project === undefined) return
    throw new SweepError('forbidden', `a trial's program may make runs below its own, ${own}, and nowhere else`, {
      hint: 'Name it as parentRunId, and no experiment.',
    })
  }
}

type NewRunBody = Partial<z.output<typeof CreateRun>>
