import { SweepError } from '@sweep/spec/errors'
import { newId } from '@sweep/spec/ids'
import {
  changeLoggedModel,
  createLoggedModel,
  findLoggedModel,
  type LoggedModel,
  type ModelStatus,
  searchLoggedModels,
} from '@sweep/store/tracking/logged-models'
import { z } from 'zod'
import type { Principal } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { listFolder } from './list-folder.ts'
import { pairs } from './mlflow-entities.ts'
import { requireExperiment, requireRun, trialScope } from './mlflow-scope.ts'
import { Int64, listOf, Param, plain, recordOf, runIdOf, Tag } from './mlflow-values.ts'

const STATUSES = {
  pending: 'LOGGED_MODEL_PENDING',
  ready: 'LOGGED_MODEL_READY',
  failed: 'LOGGED_MODEL_UPLOAD_FAILED',
} as const satisfies Record<ModelStatus, string>
/** By the numbers of MLflow's enum too. */
const Status = z.preprocess(
  (value) => [undefined, ...Object.values(STATUSES)][Number(value)] ?? value,
  z.enum(STATUSES).transform((text) => (Object.keys(STATUSES) as ModelStatus[]).find((key) => STATUSES[key] === text)),
)

const Create = z.object({
  experiment_id: z.string().max(500),
  name: z.string().max(250).nullish(),
  model_type: z.string().max(250).nullish(),
  source_run_id: z.string().max(500).nullish(),
  params: listOf(Param, 1000),
  tags: listOf(Tag, 1000),
})
const ModelPath = z.object({ id: plain(100) })
const TagPath = ModelPath.extend({ key: z.string().max(250) })
const Search = z.object({
  experiment_ids: z.array(z.string().max(500)).max(1000).nullish(),
  filter: plain(10_000).nullish(),
  max_results: Int64.nullish(),
  order_by: z.array(z.object({ field_name: z.string(), ascending: z.boolean().nullish() })).nullish(),
  page_token: z.string().max(500).nullish(),
})
const MOST_MODELS = 1000
const DEFAULT_MODELS = 100
/** All that clients ask for when they look for the model of a run. */
const FILTER = /^\s*(name|source_run_id)\s*=\s*(?:'([^']*)'|"([^"]*)")\s*$/i

const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const

/** Logged models of MLflow 3: a record about files that lie under `models/<id>` among the artifacts of a run. */
export function addMlflowModelRoutes(app: App, context: ApiContext): void {
  const { database, randomBytes } = context

  app.post('/logged-models', { config: WRITE, schema: { hide: true, body: Create } }, async (request) => {
    const {
      experiment_id: experimentId,
      name,
      model_type: modelType,
      source_run_id: runId,
      params,
      tags,
    } = request.body
    await requireExperiment(context, request.principal, experimentId)
    if (!runId) {
      throw new SweepError('invalid-request', 'source_run_id: a model is kept with the run that made it', {
        hint: 'Log it between mlflow.start_run() and mlflow.end_run().',
      })
    }
    const run = await requireRun(context, request.principal, runIdOf({ run_id: runId }))
    const id = `m-${newId(randomBytes)}`
    await createLoggedModel(database, {
      ...{ id, runId: run.id, name: name || id, modelType: modelType ?? '' },
      ...{ params: recordOf(params), tags: recordOf(tags) },
    })
    return modelReply(request.principal, id)
  })

  app.get('/logged-models/:id', { config: READ, schema: { hide: true, params: ModelPath } }, (request) =>
    modelReply(request.principal, request.params.id),
  )

  app.patch(
    '/logged-models/:id',
    { config: WRITE, schema: { hide: true, params: ModelPath, body: z.object({ status: Status }) } },
    async (request) => {
      const { id } = await requireModel(request.principal, request.params.id)
      const { status } = request.body
      await changeLoggedModel(database, id, status === undefined ? {} : { status })
      return modelReply(request.principal, id)
    },
  )

  app.delete('/logged-models/:id', { config: WRITE, schema: { hide: true, params: ModelPath } }, async (request) => {
    const { id } = await requireModel(request.principal, request.params.id)
    await changeLoggedModel(database, id, { deleted: true })
    return {}
  })

  app.post(
    '/logged-models/:id/params',
    { config: WRITE, schema: { hide: true, params: ModelPath, body: z.object({ params: listOf(Param, 1000) }) } },
    async (request) => {
      const { id } = await requireModel(request.principal, request.params.id)
      await changeLoggedModel(database, id, { params: recordOf(request.body.params) })
      return {}
    },
  )

  app.patch(
    '/logged-models/:id/tags',
    { config: WRITE, schema: { hide: true, params: ModelPath, body: z.object({ tags: listOf(Tag, 1000) }) } },
    async (request) => {
      const { id } = await requireModel(request.principal, request.params.id)
      await changeLoggedModel(database, id, { tags: recordOf(request.body.tags) })
      return modelReply(request.principal, id)
    },
  )

  app.delete(
    '/logged-models/:id/tags/:key',
    { config: WRITE, schema: { hide: true, params: TagPath } },
    async (request) => {
      const { id } = await requireModel(request.principal, request.params.id)
      await changeLoggedModel(database, id, { removeTag: request.params.key })
      return {}
    },
  )

  app.get(
    '/logged-models/:id/artifacts/directories',
    {
      config: READ,
      schema: {
        hide: true,
        params: ModelPath,
        querystring: z.object({ artifact_directory_path: plain(1024).nullish() }),
      },
    },
    async (request) => {
      const model = await requireModel(request.principal, request.params.id)
      const run = await requireRun(context, request.principal, model.runId)
      const inner = request.query.artifact_directory_path?.replace(/^\/+|\/+$/g, '') ?? ''
      const folder = inner === '' ? folderOf(model) : `${folderOf(model)}/${inner}`
      const files = (await listFolder(database, run.key, folder)).map(({ name, isFolder, sizeBytes }) => ({
        path: inner === '' ? name : `${inner}/${name}`,
        is_dir: isFolder,
        ...(isFolder ? {} : { file_size: sizeBytes }),
      }))
      return { root_uri: addressOf(model), files }
    },
  )

  app.post('/logged-models/search', { config: READ, schema: { hide: true, body: Search } }, async (request) => {
    const { experiment_ids: ids, filter, max_results: most, order_by: order, page_token: token } = request.body
    if ((order ?? []).some(({ field_name: name, ascending }) => name !== 'creation_timestamp' || ascending !== false)) {
      throw new SweepError('invalid-request', 'order_by: models come newest first, and in no other order')
    }
    const experiments = await Promise.all((ids ?? []).map((id) => requireExperiment(context, request.principal, id)))
    const scope = trialScope(request.principal)
    const offset = token ? decodeCursor(token, z.int().min(0)) : 0
    const limit = Math.max(1, Math.min(most ?? DEFAULT_MODELS, MOST_MODELS))
    const found = await searchLoggedModels(database, {
      experimentIds: experiments.map(({ id }) => id),
      ...wantedModels(filter ?? ''),
      ...(scope === undefined ? {} : { within: { runId: scope.runId, createdBy: scope.madeBy } }),
      offset,
      limit: limit + 1,
    })
    return {
      models: found.slice(0, limit).map(mlflowModel),
      ...(found.length > limit ? { next_page_token: encodeCursor(offset + limit) } : {}),
    }
  })

  async function requireModel(principal: Principal, id: string): Promise<LoggedModel> {
    const model = await findLoggedModel(database, id)
    if (model === undefined) throw new SweepError('not-found', `there is no logged model ${JSON.stringify(id)}`)
    await requireRun(context, principal, model.runId)
    return model
  }

  async function modelReply(principal: Principal, id: string): Promise<object> {
    return { model: mlflowModel(await requireModel(principal, id)) }
  }
}

function wantedModels(filter: string): { name?: string; runId?: string } {
  if (filter.trim() === '') return {}
  const wanted: { name?: string; runId?: string } = {}
  for (const part of filter.split(/\s+and\s+/i)) {
    const [, field, single, double] = FILTER.exec(part) ?? []
    if (field === undefined) {
      throw new SweepError('invalid-request', `filter: ${JSON.stringify(part.slice(0, 100))} is not understood`, {
        hint: "Models are found by name = '…' and source_run_id = '…'.",
      })
    }
    wanted[field.toLowerCase() === 'name' ? 'name' : 'runId'] = single ?? double ?? ''
  }
  return wanted
}

function folderOf({ id }: LoggedModel): string {
  return `models/${id}`
}

function addressOf(model: LoggedModel): string {
  return `mlflow-artifacts:/${model.experimentId}/${model.runId}/artifacts/${folderOf(model)}`
}

function mlflowModel(model: LoggedModel): object {
  const { id, runId, experimentId, name, modelType, status, params, tags, createdAt, updatedAt } = model
  return {
    info: {
      model_id: id,
      experiment_id: experimentId,
      name,
      creation_timestamp_ms: createdAt.getTime(),
      last_updated_timestamp_ms: updatedAt.getTime(),
      artifact_uri: addressOf(model),
      status: STATUSES[status],
      // `creator_id` is a number to MLflow, which we have none of.
      model_type: modelType,
      source_run_id: runId,
      tags: pairs(tags),
    },
    data: { params: pairs(params), metrics: [] },
  }
}
