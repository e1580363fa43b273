import { SweepError } from '@sweep/spec/errors'
import { ModelAlias, ModelName } from '@sweep/spec/models/names'
import { MODEL_STAGES, type ModelStage } from '@sweep/spec/models/stages'
import {
  changeModel,
  createModel,
  deleteModel,
  getModel,
  listModels,
  type ModelRecord,
} from '@sweep/store/models/models'
import { getVersion, type ModelVersionRecord, versionNamed } from '@sweep/store/models/version-record'
import { removeModelAlias, setModelAlias } from '@sweep/store/models/versions'
import { findRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import { type Principal, principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { MlflowError } from './mlflow-error.ts'
import { Int64, listOf, plain, recordOf, Tag } from './mlflow-values.ts'
import { mlflowModel, mlflowVersion, stageOf } from './registry-entities.ts'
import { compareBy, matchesRegistry, parseRegistryFilter, parseRegistryOrder, tagOf } from './registry-filter.ts'
import { requireOwn } from './registry-source.ts'

const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const

const Description = z.string().max(20_000).nullish()
/** One that can't be a name is that of no model. */
const Named = z.object({ name: plain(1000) })
const Create = z.object({ name: ModelName, tags: listOf(Tag, 1000), description: Description })
const Latest = Named.extend({
  stages: z
    .union([
      z.array(z.string().max(50)).max(20),
      z
        .string()
        .max(50)
        .transform((one) => [one]),
    ])
    .nullish()
    .transform((list) => list ?? []),
})
export const RegistrySearch = z.object({
  filter: plain(10_000).nullish(),
  max_results: Int64.nullish(),
  order_by: z
    .union([
      z.array(z.string().max(200)).max(10),
      z
        .string()
        .max(200)
        .transform((one) => [one]),
    ])
    .nullish()
    .transform((list) => list ?? []),
  page_token: z.string().max(500).nullish(),
})
const DEFAULT_RESULTS = 100
const MOST_RESULTS = 1000
const READ_AT_ONCE = 1000

/** Throws `forbidden` for a trial's program, which registers models and changes nothing of them. */
export function refuseTrial(principal: Principal): void {
  if (principal.kind !== 'trial') return
  throw new SweepError(
    'forbidden',
    "a trial's program registers what it has made, and may see and change no other models",
    {
      hint: 'Use the token of a user.',
    },
  )
}

/** The page of a list that was sorted and kept by what is in memory. */
export function pageOf<T>(all: readonly T[], search: z.output<typeof RegistrySearch>, most: number, usual: number) {
  const offset = search.page_token ? decodeCursor(search.page_token, z.int().min(0)) : 0
  const limit = search.max_results ?? usual
  if (limit < 1 || limit > most) {
    throw new SweepError('invalid-request', `max_results: must lie between 1 and ${most}`)
  }
  const next = offset + limit < all.length ? { next_page_token: encodeCursor(offset + limit) } : {}
  return { page: all.slice(offset, offset + limit), next }
}

/** Our registered models as MLflow's. Stages, aliases and tags are the same; gates hold here too. */
export function addMlflowRegisteredModelRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.post('/registered-models/create', { config: WRITE, schema: { hide: true, body: Create } }, async (request) => {
    const { name, tags, description } = request.body
    const createdBy = principalName(request.principal)
    const { model, created } = await createModel(database, {
      ...{ name, tags: recordOf(tags), description: description ?? '', ifExists: 'show', createdBy },
    })
    if (!created) {
      const message = `there is a model called ${JSON.stringify(name)} already`
      throw new MlflowError('RESOURCE_ALREADY_EXISTS', 400, message)
    }
    log.info({ model: name, by: createdBy }, 'model created')
    return { registered_model: mlflowModel(model, []) }
  })

  app.get('/registered-models/get', { config: READ, schema: { hide: true, querystring: Named } }, async (request) => ({
    registered_model: await shown(await getModel(database, request.query.name), request.principal),
  }))

  app.post(
    '/registered-models/rename',
    { config: WRITE, schema: { hide: true, body: Named.extend({ new_name: ModelName }) } },
    async (request) => {
      const { name, new_name: to } = request.body
      return changed(request.principal, name, { name: to })
    },
  )

  app.patch(
    '/registered-models/update',
    { config: WRITE, schema: { hide: true, body: Named.extend({ description: Description }) } },
    async (request) => changed(request.principal, request.body.name, { description: request.body.description ?? '' }),
  )

  app.delete('/registered-models/delete', { config: WRITE, schema: { hide: true, body: Named } }, async (request) => {
    refuseTrial(request.principal)
    await deleteModel(database, request.body.name)
    log.info({ model: request.body.name, by: principalName(request.principal) }, 'model deleted')
    return {}
  })

  app.post(
    '/registered-models/set-tag',
    { config: WRITE, schema: { hide: true, body: Named.extend(Tag.shape) } },
    async (request) => {
      const { name, key, value } = request.body
      await changed(request.principal, name, { tags: Object.fromEntries([[key, value]]) })
      return {}
    },
  )

  app.delete(
    '/registered-models/delete-tag',
    { config: WRITE, schema: { hide: true, body: Named.extend({ key: Tag.shape.key }) } },
    async (request) => {
      await changed(request.principal, request.body.name, { tags: Object.fromEntries([[request.body.key, null]]) })
      return {}
    },
  )

  app.post(
    '/registered-models/alias',
    { config: WRITE, schema: { hide: true, body: Named.extend({ alias: ModelAlias, version: plain(100) }) } },
    async (request) => {
      refuseTrial(request.principal)
      const { name, alias, version } = request.body
      await setModelAlias(database, name, alias, version)
      log.info({ model: name, alias, by: principalName(request.principal) }, 'alias of a model set')
      return {}
    },
  )

  app.delete(
    '/registered-models/alias',
    { config: WRITE, schema: { hide: true, body: Named.extend({ alias: plain(100) }) } },
    async (request) => {
      refuseTrial(request.principal)
      await removeModelAlias(database, request.body.name, request.body.alias)
      return {}
    },
  )

  app.get(
    '/registered-models/alias',
    { config: READ, schema: { hide: true, querystring: Named.extend({ alias: plain(100) }) } },
    async (request) => {
      const { name, alias } = request.query
      const { aliases } = await getModel(database, name)
      const number = Object.hasOwn(aliases, alias) ? aliases[alias] : undefined
      if (number === undefined) {
        // As MLflow answers, and its clients expect.
        throw new SweepError('invalid-request', `model ${JSON.stringify(name)} has no alias ${JSON.stringify(alias)}`)
      }
      const version = await getVersion(database, name, number)
      await requireOwn(context, request.principal, version)
      return { model_version: await shownVersion(version) }
    },
  )

  const latest = async (principal: Principal, { name, stages }: z.output<typeof Latest>) => {
    const wanted = stages.length === 0 ? [...MODEL_STAGES] : stages.map(requireStage)
    return { model_versions: await newest(await getModel(database, name), wanted, principal) }
  }
  // The second is what older clients and servers have.
  app.post(
    '/registered-models/get-latest-versions',
    { config: READ, schema: { hide: true, body: Latest } },
    (request) => latest(request.principal, request.body),
  )
  app.get(
    '/registered-models/get-latest-versions',
    { config: READ, schema: { hide: true, querystring: Latest } },
    (request) => latest(request.principal, request.query),
  )

  const search = async (principal: Principal, body: z.output<typeof RegistrySearch>) => {
    refuseTrial(principal)
    const terms = parseRegistryFilter(body.filter ?? '')
    const order = parseRegistryOrder(body.order_by, ['name', 'last_updated_timestamp', 'creation_timestamp'])
    const found: ModelRecord[] = []
    for (let after: string | undefined; ; ) {
      const models = await listModels(database, { limit: READ_AT_ONCE, ...(after && { after }) })
      found.push(...models.filter((model) => matchesRegistry(terms, (field) => fieldOf(model, field))))
      after = models.at(-1)?.name
      if (models.length < READ_AT_ONCE) break
    }
    found.sort(compareBy(order, orderedBy))
    const { page, next } = pageOf(found, body, MOST_RESULTS, DEFAULT_RESULTS)
    return { registered_models: await Promise.all(page.map((model) => shown(model, principal))), ...next }
  }
  app.get(
    '/registered-models/search',
    { config: READ, schema: { hide: true, querystring: RegistrySearch } },
    (request) => search(request.principal, request.query),
  )
  app.post('/registered-models/search', { config: READ, schema: { hide: true, body: RegistrySearch } }, (request) =>
    search(request.principal, request.body),
  )

  async function changed(
    principal: Principal,
    name: string,
    change: Parameters<typeof changeModel>[2],
  ): Promise<object> {
    refuseTrial(principal)
    return { registered_model: await shown(await changeModel(database, name, change), principal) }
  }

  async function shown(model: ModelRecord, principal: Principal): Promise<object> {
    return mlflowModel(model, await newest(model, [...MODEL_STAGES], principal))
  }

  /** The newest version of each stage; to a trial's program only those that it has made. */
  async function newest(model: ModelRecord, stages: readonly ModelStage[], principal: Principal): Promise<object[]> {
    const there = stages.filter((stage) => model.stages[stage] !== undefined)
    const versions = await Promise.all(there.map((stage) => versionNamed(database, model.name, stage)))
    if (principal.kind !== 'trial') return Promise.all(versions.map(shownVersion))
    const own = await Promise.allSettled(versions.map((version) => requireOwn(context, principal, version)))
    return Promise.all(versions.filter((_, place) => own[place]?.status === 'fulfilled').map(shownVersion))
  }

  async function shownVersion(version: ModelVersionRecord): Promise<object> {
    return mlflowVersion(version, version.runId === null ? undefined : await findRun(database, version.runId))
  }
}

export function requireStage(text: string): ModelStage {
  const stage = stageOf(text)
  if (stage !== undefined) return stage
  throw new SweepError(
    'invalid-request',
    `stage: ${JSON.stringify(text)} is none of None, Staging, Production, Archived`,
  )
}

function fieldOf({ name, tags }: ModelRecord, field: string): string | undefined {
  if (field === 'name') return name
  if (field.startsWith('tags.')) return tagOf(tags, field)
  throw new SweepError('invalid-request', `filter: models are not found by ${JSON.stringify(field.slice(0, 100))}`, {
    hint: 'They are by name and by tags.NAME.',
  })
}

function orderedBy(model: ModelRecord, field: string): string | number {
  if (field === 'name') return model.name
  return (field === 'creation_timestamp' ? model.createdAt : model.updatedAt).getTime()
}
