import { SweepError } from '@sweep/spec/errors'
import { ExperimentId, newId } from '@sweep/spec/ids'
import { changeExperiment, createExperiment } from '@sweep/store/tracking/experiments'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { mlflowExperiment } from './mlflow-entities.ts'
import { MlflowError } from './mlflow-error.ts'
import { DEFAULT_PROJECT, experimentNamed, requireExperiment, trialScope } from './mlflow-scope.ts'
import { ExperimentReference, listOf, plain, recordOf, Tag } from './mlflow-values.ts'

const ExperimentName = z.string().min(1).max(200)
const Create = z.object({
  name: ExperimentName,
  artifact_location: z.string().nullish(),
  tags: listOf(Tag, 100),
})
const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const

/** Experiments of ours as MLflow's; an archived one is a deleted one. */
export function addMlflowExperimentRoutes(app: App, context: ApiContext): void {
  const { database, log, randomBytes } = context

  app.get(
    '/experiments/get-by-name',
    { config: READ, schema: { hide: true, querystring: z.object({ experiment_name: plain(5000).min(1) }) } },
    async (request) => {
      const { experiment_name: name } = request.query
      const experiment = await experimentNamed(context, request.principal, name)
      if (experiment !== undefined) return { experiment: mlflowExperiment(experiment) }
      throw new SweepError('not-found', `there is no experiment called ${JSON.stringify(name.slice(0, 200))}`)
    },
  )

  app.get(
    '/experiments/get',
    { config: READ, schema: { hide: true, querystring: ExperimentReference } },
    async (request) => {
      const experiment = await requireExperiment(context, request.principal, request.query.experiment_id)
      return { experiment: mlflowExperiment(experiment) }
    },
  )

  app.post('/experiments/create', { config: WRITE, schema: { hide: true, body: Create } }, async (request) => {
    const { name, artifact_location: location, tags } = request.body
    const scope = trialScope(request.principal)
    // Whatever a trial's program calls it, its runs belong to its sweep.
    if (scope !== undefined) return { experiment_id: scope.sweepId }
    if (location != null && location !== '' && !location.startsWith('mlflow-artifacts:')) {
      throw new SweepError('invalid-request', 'artifact_location: this server keeps the artifacts itself', {
        hint: 'Leave it out.',
      })
    }
    const createdBy = principalName(request.principal)
    const { experiment, created } = await createExperiment(database, {
      ...{ id: ExperimentId.parse(newId(randomBytes)), project: DEFAULT_PROJECT, name },
      ...{ tags: recordOf(tags), ifExists: 'show', createdBy },
    })
    if (!created) {
      throw new MlflowError(
        'RESOURCE_ALREADY_EXISTS',
        400,
        `there is an experiment called ${JSON.stringify(name)} already`,
      )
    }
    log.info({ experiment: experiment.id, by: createdBy }, 'experiment created')
    return { experiment_id: experiment.id }
  })

  app.post(
    '/experiments/update',
    {
      config: WRITE,
      schema: { hide: true, body: ExperimentReference.extend({ new_name: ExperimentName.nullish() }) },
    },
    async (request) => {
      const id = await changeable(request, request.body.experiment_id)
      const { new_name: name } = request.body
      if (name != null) await changeExperiment(database, id, { name })
      return {}
    },
  )

  for (const [url, status] of [
    ['/experiments/delete', 'archived'],
    ['/experiments/restore', 'active'],
  ] as const) {
    app.post(url, { config: WRITE, schema: { hide: true, body: ExperimentReference } }, async (request) => {
      await changeExperiment(database, await changeable(request, request.body.experiment_id), { status })
      return {}
    })
  }

  app.post(
    '/experiments/set-experiment-tag',
    { config: WRITE, schema: { hide: true, body: ExperimentReference.extend(Tag.shape) } },
    async (request) => {
      const { experiment_id: text, key, value } = request.body
      const experiment = await requireExperiment(context, request.principal, text)
      await changeExperiment(database, experiment.id, { tags: Object.fromEntries([[key, value]]) })
      return {}
    },
  )

  app.post(
    '/experiments/delete-experiment-tag',
    { config: WRITE, schema: { hide: true, body: ExperimentReference.extend({ key: Tag.shape.key }) } },
    async (request) => {
      const experiment = await requireExperiment(context, request.principal, request.body.experiment_id)
      await changeExperiment(database, experiment.id, { tags: Object.fromEntries([[request.body.key, null]]) })
      return {}
    },
  )

  async function changeable(request: FastifyRequest, text: string): Promise<ExperimentId> {
    const { id } = await requireExperiment(context, request.principal, text)
    if (request.principal.kind !== 'trial') return id
    throw new SweepError('forbidden', "a trial's program may not change its sweep")
  }
}
