import { ModelAlias, ModelName } from '@sweep/spec/models/names'
import {
  AddModelGate,
  ChangeModel,
  CreateModel,
  ModelGateList,
  ModelGateView,
  ModelHistory,
  ModelList,
  ModelVersionMoved,
  ModelVersionView,
  ModelView,
  RollBackModel,
  SetModelAlias,
} from '@sweep/spec/wire/tracking/models'
import { addGate, listGates, removeGate } from '@sweep/store/models/gates'
import { modelHistory } from '@sweep/store/models/history'
import { changeModel, createModel, deleteModel, getModel, listModels } from '@sweep/store/models/models'
import { rollBack } from '@sweep/store/models/move-version'
import { getVersion, versionNamed } from '@sweep/store/models/version-record'
import { removeModelAlias, setModelAlias } from '@sweep/store/models/versions'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { settled } from './collect-origin.ts'
import { gateView, historyView, modelView, versionView } from './model-view.ts'

export const ModelPath = z.strictObject({ name: ModelName })
const GatePath = ModelPath.extend({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
const AliasPath = ModelPath.extend({ alias: ModelAlias })
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  after: z.string().max(2000).optional(),
})
const HistoryQuery = PageQuery.extend({
  /** Only what happened to this version. */
  version: z.coerce.number().int().min(1).max(2_147_483_647).optional(),
})

/** Registered models: their names, gates, aliases and history; docs/tracking/models.md. */
export function addModelRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.post(
    '/models',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Make a model without versions',
        body: CreateModel,
        response: { 200: ModelView, 201: ModelView },
      },
    },
    async (request, reply) => {
      const createdBy = principalName(request.principal)
      const { model, created } = await createModel(database, { ...request.body, createdBy })
      if (created) log.info({ model: model.name, by: createdBy }, 'model created')
      return reply.status(created ? 201 : 200).send(modelView(model))
    },
  )

  app.get(
    '/models',
    {
      config: { access: 'viewer' },
      schema: { summary: 'Registered models by name', querystring: PageQuery, response: { 200: ModelList } },
    },
    async (request) => {
      const { limit, after } = request.query
      const found = await listModels(database, {
        limit: limit + 1,
        ...(after === undefined ? {} : { after: decodeCursor(after, z.string()) }),
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { models: page.map(modelView), next: last === undefined ? null : encodeCursor(last.name) }
    },
  )

  app.get(
    '/models/:name',
    { config: { access: 'viewer' }, schema: { summary: 'One model', params: ModelPath, response: { 200: ModelView } } },
    async (request) => modelView(await getModel(database, request.params.name)),
  )

  app.patch(
    '/models/:name',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change what is named of a model',
        params: ModelPath,
        body: ChangeModel,
        response: { 200: ModelView },
      },
    },
    async (request) => modelView(await changeModel(database, request.params.name, request.body)),
  )

  app.delete(
    '/models/:name',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Delete a model with its versions and its history, unless one is in production',
        params: ModelPath,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await deleteModel(database, request.params.name)
      log.info({ model: request.params.name, by: principalName(request.principal) }, 'model deleted')
      return reply.status(204).send(null)
    },
  )

  app.post(
    '/models/:name/rollback',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Take the version back into production that was there before; its gates are not asked again',
        params: ModelPath,
        body: RollBackModel.nullish(),
        response: { 200: ModelVersionMoved },
      },
    },
    async (request) => {
      const { name } = request.params
      const by = principalName(request.principal)
      const { version, replaced } = await rollBack(database, name, {
        ...{ reason: request.body?.reason, from: request.body?.from, by },
      })
      log.info({ model: name, version, replaced, by }, 'model rolled back')
      const view = versionView(await settled(await getVersion(database, name, version), context))
      return { version: view, moved: true, gates: [], replaced }
    },
  )

  app.get(
    '/models/:name/history',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What happened to the versions of a model, refused promotions too, newest first',
        params: ModelPath,
        querystring: HistoryQuery,
        response: { 200: ModelHistory },
      },
    },
    async (request) => {
      const { limit, after, version } = request.query
      const { key } = await getModel(database, request.params.name)
      const found = await modelHistory(database, key, {
        limit: limit + 1,
        ...(version === undefined ? {} : { version }),
        ...(after === undefined ? {} : { before: decodeCursor(after, z.int()) }),
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { history: page.map(historyView), next: last === undefined ? null : encodeCursor(last.id) }
    },
  )

  app.get(
    '/models/:name/gates',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'What its versions have to pass to be promoted',
        params: ModelPath,
        response: { 200: ModelGateList },
      },
    },
    async (request) => {
      const { key } = await getModel(database, request.params.name)
      return { gates: (await listGates(database, key)).map(gateView) }
    },
  )

  app.post(
    '/models/:name/gates',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Add a gate; the same one again is the one there is',
        params: ModelPath,
        body: AddModelGate,
        response: { 200: ModelGateView },
      },
    },
    async (request) => {
      const { stage, gate } = request.body
      const by = principalName(request.principal)
      const stored = await addGate(database, request.params.name, stage, gate, by)
      log.info({ model: request.params.name, gate: stored.id, stage, by }, 'gate added')
      return gateView(stored)
    },
  )

  app.delete(
    '/models/:name/gates/:id',
    {
      config: { access: 'operator' },
      schema: { summary: 'Remove a gate', params: GatePath, response: { 204: z.null() } },
    },
    async (request, reply) => {
      const { name, id } = request.params
      await removeGate(database, name, id)
      log.info({ model: name, gate: id, by: principalName(request.principal) }, 'gate removed')
      return reply.status(204).send(null)
    },
  )

  app.put(
    '/models/:name/aliases/:alias',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Give a version a name, whichever had it before',
        params: AliasPath,
        body: SetModelAlias,
        response: { 200: ModelVersionView },
      },
    },
    async (request) => {
      const { name, alias } = request.params
      await setModelAlias(database, name, alias, request.body.version)
      log.info({ model: name, alias, by: principalName(request.principal) }, 'alias of a model set')
      return versionView(await settled(await versionNamed(database, name, alias), context))
    },
  )

  app.delete(
    '/models/:name/aliases/:alias',
    {
      config: { access: 'operator' },
      schema: { summary: 'Take such a name away', params: AliasPath, response: { 204: z.null() } },
    },
    async (request, reply) => {
      await removeModelAlias(database, request.params.name, request.params.alias)
      return reply.status(204).send(null)
    },
  )
}
