import { SweepError } from '@sweep/spec/errors'
import { ModelName } from '@sweep/spec/models/names'
import { getVersion, listVersions, type ModelVersionRecord } from '@sweep/store/models/version-record'
import { changeVersion, deleteVersion, registerVersion } from '@sweep/store/models/versions'
import { findRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import { type Principal, principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { collectOrigin, NO_ORIGIN } from '../models/collect-origin.ts'
import { moveModel } from '../models/move-model.ts'
import { registerModel } from '../models/register-model.ts'
import { pageOf, RegistrySearch, refuseTrial, requireStage } from './mlflow-registered-model-routes.ts'
import { listOf, plain, recordOf, Tag } from './mlflow-values.ts'
import { MLFLOW_STAGES, mlflowVersion, placeOf } from './registry-entities.ts'
import { compareBy, matchesRegistry, parseRegistryFilter, parseRegistryOrder, tagOf } from './registry-filter.ts'
import { readSource, requireOwn } from './registry-source.ts'

const READ = { access: 'mlflow-read' } as const
const WRITE = { access: 'mlflow-write' } as const

const MOST_VERSION = 2_147_483_647
const Description = z.string().max(20_000).nullish()
const Version = z.object({
  name: plain(1000),
  version: z
    .union([z.int().transform(String), z.string()])
    .refine((text) => /^[1-9]\d{0,9}$/.test(text) && Number(text) <= MOST_VERSION, { error: 'must be a number' })
    .transform(Number),
})
const Create = z.object({
  name: ModelName,
  source: plain(4000).min(1),
  run_id: plain(500).nullish(),
  model_id: plain(100).nullish(),
  tags: listOf(Tag, 1000),
  description: Description,
})
const Move = Version.extend({ stage: z.string().max(50), archive_existing_versions: z.boolean().nullish() })
const DEFAULT_RESULTS = 1000
const MOST_RESULTS = 200_000
const READ_AT_ONCE = 1000
const ORDERED_BY = ['name', 'version_number', 'last_updated_timestamp', 'creation_timestamp']
const USUAL_ORDER = ['last_updated_timestamp DESC', 'name ASC', 'version_number DESC']

/** Versions of our registered models as MLflow's. */
export function addMlflowModelVersionRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.post('/model-versions/create', { config: WRITE, schema: { hide: true, body: Create } }, async (request) => ({
    model_version: await shown(await register(request.principal, request.body)),
  }))

  app.get('/model-versions/get', { config: READ, schema: { hide: true, querystring: Version } }, async (request) => ({
    model_version: await shown(await readable(request.principal, request.query)),
  }))

  app.get(
    '/model-versions/get-download-uri',
    { config: READ, schema: { hide: true, querystring: Version } },
    async (request) => {
      const version = await readable(request.principal, request.query)
      return { artifact_uri: placeOf(version, await runOf(version)) }
    },
  )

  app.patch(
    '/model-versions/update',
    { config: WRITE, schema: { hide: true, body: Version.extend({ description: Description }) } },
    async (request) => {
      const { name, version, description } = request.body
      refuseTrial(request.principal)
      return {
        model_version: await shown(await changeVersion(database, name, version, { description: description ?? '' })),
      }
    },
  )

  app.delete('/model-versions/delete', { config: WRITE, schema: { hide: true, body: Version } }, async (request) => {
    const { name, version } = request.body
    refuseTrial(request.principal)
    const by = principalName(request.principal)
    await deleteVersion(database, name, version, by)
    log.info({ model: name, version, by }, 'version of a model deleted')
    return {}
  })

  app.post(
    '/model-versions/transition-stage',
    { config: WRITE, schema: { hide: true, body: Move } },
    async (request) => {
      const { name, version: number, stage: text, archive_existing_versions: alone } = request.body
      refuseTrial(request.principal)
      const to = requireStage(text)
      if (alone === true && to !== 'staging' && to !== 'production') {
        throw new SweepError('invalid-request', `archive_existing_versions: is not for stage ${MLFLOW_STAGES[to]}`)
      }
      const version = await getVersion(database, name, number)
      const by = principalName(request.principal)
      const plainMove = { to, reason: undefined, force: false, dryRun: false, by }
      await moveModel(version, { ...plainMove, alone: alone === true }, context)
      return { model_version: await shown(await getVersion(database, name, number)) }
    },
  )

  app.post(
    '/model-versions/set-tag',
    { config: WRITE, schema: { hide: true, body: Version.extend(Tag.shape) } },
    async (request) => {
      const { name, version, key, value } = request.body
      await readable(request.principal, { name, version })
      await changeVersion(database, name, version, { tags: Object.fromEntries([[key, value]]) })
      return {}
    },
  )

  app.delete(
    '/model-versions/delete-tag',
    { config: WRITE, schema: { hide: true, body: Version.extend({ key: Tag.shape.key }) } },
    async (request) => {
      const { name, version, key } = request.body
      await readable(request.principal, { name, version })
      await changeVersion(database, name, version, { tags: Object.fromEntries([[key, null]]) })
      return {}
    },
  )

  const search = async (principal: Principal, body: z.output<typeof RegistrySearch>) => {
    refuseTrial(principal)
    const terms = parseRegistryFilter(body.filter ?? '')
    const order = parseRegistryOrder(body.order_by.length === 0 ? USUAL_ORDER : body.order_by, ORDERED_BY)
    // Those two are asked for most, and are what the database finds.
    const exact = (field: string) => terms.find((term) => term.field === field && term.operator === '=')?.values
    const [model, runIds] = [exact('name')?.[0], exact('run_id')]
    const found: ModelVersionRecord[] = []
    for (let last: ModelVersionRecord | undefined; ; ) {
      const versions = await listVersions(database, {
        ...(model === undefined ? {} : { model }),
        ...(runIds === undefined ? {} : { runIds }),
        ...(last === undefined ? {} : { after: { model: last.model, version: last.version } }),
        limit: READ_AT_ONCE,
      })
      found.push(...versions.filter((version) => matchesRegistry(terms, (field) => fieldOf(version, field))))
      last = versions.at(-1)
      if (versions.length < READ_AT_ONCE) break
    }
    found.sort(compareBy(order, orderedBy))
    const { page, next } = pageOf(found, body, MOST_RESULTS, DEFAULT_RESULTS)
    return { model_versions: await Promise.all(page.map(shown)), ...next }
  }
  app.get('/model-versions/search', { config: READ, schema: { hide: true, querystring: RegistrySearch } }, (request) =>
    search(request.principal, request.query),
  )
  app.post('/model-versions/search', { config: READ, schema: { hide: true, body: RegistrySearch } }, (request) =>
    search(request.principal, request.body),
  )

  async function register(principal: Principal, body: z.output<typeof Create>): Promise<ModelVersionRecord> {
    const { name, source } = body
    const place = await readSource(context, principal, {
      source,
      runId: body.run_id || undefined,
      modelId: body.model_id || undefined,
    })
    // MLflow makes a new version of whatever is registered again.
    const plainVersion = { source, makesModel: false, isSameAgain: false, aliases: [], tags: recordOf(body.tags) }
    const about = { ...plainVersion, description: body.description ?? '', createdBy: principalName(principal) }
    if (place.kind === 'run') {
      const { version } = await registerModel(place.run, { ...about, name, path: place.path }, context)
      return version
    }
    if (place.kind === 'version') {
      const { runId, path, framework, signature, dataVersion, origin } = place.version
      const made = runId === null ? null : { runId, path }
      const copy = { framework, signature, dataVersion, origin, made, copyOf: place.version }
      return (await registerVersion(database, { ...about, model: name, ...copy })).version
    }
    if (place.run === undefined) refuseTrial(principal)
    const origin = place.run === undefined ? NO_ORIGIN : await collectOrigin(place.run, context)
    const made = place.run === undefined ? null : { runId: place.run.id, path: null }
    const unknown = { framework: null, signature: null, dataVersion: null }
    return (await registerVersion(database, { ...about, ...unknown, model: name, made, origin })).version
  }

  async function readable(
    principal: Principal,
    { name, version }: z.output<typeof Version>,
  ): Promise<ModelVersionRecord> {
    const found = await getVersion(database, name, version)
    await requireOwn(context, principal, found)
    return found
  }

  async function shown(version: ModelVersionRecord): Promise<object> {
    return mlflowVersion(version, await runOf(version))
  }

  async function runOf({ runId }: ModelVersionRecord) {
    return runId === null ? undefined : findRun(database, runId)
  }
}

function fieldOf(version: ModelVersionRecord, field: string): string | number | undefined {
  if (field.startsWith('tags.')) return tagOf(version.tags, field)
  switch (field) {
    case 'name':
      return version.model
    case 'run_id':
      return version.runId ?? undefined
    case 'version_number':
    case 'version':
      return version.version
    case 'source_path':
      return version.source ?? version.path ?? undefined
    case 'current_stage':
      return MLFLOW_STAGES[version.stage]
    default:
      throw new SweepError(
        'invalid-request',
        `filter: versions are not found by ${JSON.stringify(field.slice(0, 100))}`,
        {
          hint: 'They are by name, run_id, source_path, version_number and tags.NAME.',
        },
      )
  }
}

function orderedBy(version: ModelVersionRecord, field: string): string | number {
  if (field === 'name') return version.model
  if (field === 'version_number') return version.version
  return (field === 'creation_timestamp' ? version.createdAt : version.updatedAt).getTime()
}
