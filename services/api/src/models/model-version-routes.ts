import { SweepError } from '@sweep/spec/errors'
import { VersionName } from '@sweep/spec/models/names'
import { MODEL_STAGES } from '@sweep/spec/models/stages'
import {
  ChangeModelVersion,
  ModelFileList,
  ModelVersionList,
  ModelVersionMoved,
  ModelVersionView,
  MoveModelVersion,
  RegisterModel,
} from '@sweep/spec/wire/tracking/models'
import { getModel } from '@sweep/store/models/models'
import { getVersion, listVersions, type VersionPage, versionNamed } from '@sweep/store/models/version-record'
import { changeVersion, deleteVersion, modelFiles } from '@sweep/store/models/versions'
import { getRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import { attachmentName } from '../artifacts/attachment-name.ts'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { sendObject } from '../objects/object-routes.ts'
import { RunPath } from '../tracking/run-routes.ts'
import { settled } from './collect-origin.ts'
import { ModelPath, PageQuery } from './model-routes.ts'
import { versionView } from './model-view.ts'
import { moveModel } from './move-model.ts'
import { registerModel } from './register-model.ts'

/** `version` is a number, an alias, `latest`, or a stage: the newest version in it. */
const VersionPath = ModelPath.extend({ version: VersionName })
const VersionQuery = PageQuery.extend({ stage: z.enum(MODEL_STAGES).optional() })
const FileQuery = z.strictObject({ path: z.string().min(1).max(1024) })
const Position = z.tuple([z.string(), z.int()])

/** Versions of models, and runs that they are made by. */
export function addModelVersionRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.post(
    '/runs/:id/models',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Register files of a run as a version of a model, which is made when there is none of this name',
        params: RunPath,
        body: RegisterModel,
        response: { 200: ModelVersionView, 201: ModelVersionView },
      },
    },
    async (request, reply) => {
      const { principal, body } = request
      if (principal.kind === 'trial' && body.aliases.length > 0) {
        // An alias may be what others deploy.
        throw new SweepError('forbidden', "a trial's program registers models, and moves no aliases of theirs")
      }
      const run = await getRun(database, request.params.id)
      const { version, created } = await registerModel(
        run,
        { ...body, source: null, makesModel: true, isSameAgain: true, createdBy: principalName(principal) },
        context,
      )
      return reply.status(created ? 201 : 200).send(versionView(version))
    },
  )

  app.get(
    '/runs/:id/models',
    {
      config: { access: 'run' },
      schema: {
        summary: 'Versions of models that this run has made',
        params: RunPath,
        querystring: PageQuery,
        response: { 200: ModelVersionList },
      },
    },
    async (request) => {
      const { id } = await getRun(database, request.params.id)
      return versionPage({ runIds: [id] }, request.query)
    },
  )

  app.get(
    '/models/:name/versions',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'Versions of a model, newest first',
        params: ModelPath,
        querystring: VersionQuery,
        response: { 200: ModelVersionList },
      },
    },
    async (request) => {
      const { stage, ...query } = request.query
      const { name } = await getModel(database, request.params.name)
      return versionPage({ model: name, ...(stage === undefined ? {} : { stages: [stage] }) }, query)
    },
  )

  app.get(
    '/models/:name/versions/:version',
    {
      config: { access: 'viewer' },
      schema: {
        summary: 'One version, by number, alias, stage or latest, with what has made it',
        params: VersionPath,
        response: { 200: ModelVersionView },
      },
    },
    async (request) => {
      const { name, version } = request.params
      return versionView(await settled(await versionNamed(database, name, version), context))
    },
  )

  app.patch(
    '/models/:name/versions/:version',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Change description and tags of a version',
        params: VersionPath,
        body: ChangeModelVersion,
        response: { 200: ModelVersionView },
      },
    },
    async (request) => {
      const { name, version } = request.params
      const { version: number } = await versionNamed(database, name, version)
      return versionView(await settled(await changeVersion(database, name, number, request.body), context))
    },
  )

  app.delete(
    '/models/:name/versions/:version',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Delete a version, unless it is in production; its number is not given again',
        params: VersionPath,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const { name, version } = request.params
      const { version: number } = await versionNamed(database, name, version)
      const by = principalName(request.principal)
      await deleteVersion(database, name, number, by)
      log.info({ model: name, version: number, by }, 'version of a model deleted')
      return reply.status(204).send(null)
    },
  )

  app.post(
    '/models/:name/versions/:version/stage',
    {
      config: { access: 'operator' },
      schema: {
        summary:
          'Take a version to another stage, if it passes the gates; in production it takes the place of the one there',
        params: VersionPath,
        body: MoveModelVersion,
        response: { 200: ModelVersionMoved },
      },
    },
    async (request) => {
      const { name, version } = request.params
      const { stage: to, reason, force, dryRun } = request.body
      const found = await versionNamed(database, name, version)
      const by = principalName(request.principal)
      const outcome = await moveModel(found, { to, reason, force, dryRun, alone: false, by }, context)
      return {
        version: versionView(await settled(await getVersion(database, name, found.version), context)),
        moved: outcome.kind === 'moved',
        gates: [...outcome.gates],
        replaced: outcome.kind === 'moved' ? outcome.replaced : null,
      }
    },
  )

  app.get(
    '/models/:name/versions/:version/files',
    {
      config: { access: 'viewer' },
      schema: { summary: 'Its files, as they were registered', params: VersionPath, response: { 200: ModelFileList } },
    },
    async (request) => {
      const { name, version } = request.params
      return { files: await modelFiles(database, await versionNamed(database, name, version)) }
    },
  )

  app.get(
    '/models/:name/versions/:version/file',
    {
      config: { access: 'viewer' },
      schema: { summary: 'The bytes of one of these files', params: VersionPath, querystring: FileQuery },
    },
    async (request, reply) => {
      const { name, version } = request.params
      const { path } = request.query
      const found = await versionNamed(database, name, version)
      const [file] = await modelFiles(database, found, path)
      if (file === undefined) {
        const what = `version ${found.version} of model ${JSON.stringify(name)}`
        throw new SweepError('not-found', `${what} has no file ${JSON.stringify(path)}`)
      }
      // Saved, never shown: a page among them would run as one of ours.
      reply.header('content-disposition', attachmentName(path))
      reply.header('x-content-sha256', file.sha256)
      return sendObject(file.sha256, reply, context)
    },
  )

  async function versionPage(
    wanted: Omit<VersionPage, 'limit' | 'after'>,
    { limit, after }: z.output<typeof PageQuery>,
  ): Promise<ModelVersionList> {
    const position = after === undefined ? undefined : decodeCursor(after, Position)
    const found = await listVersions(database, {
      ...wanted,
      ...(position === undefined ? {} : { after: { model: position[0], version: position[1] } }),
      limit: limit + 1,
    })
    const page = found.slice(0, limit)
    const last = found.length > limit ? page.at(-1) : undefined
    const next = last === undefined ? null : encodeCursor([last.model, last.version])
    return { versions: (await Promise.all(page.map((one) => settled(one, context)))).map(versionView), next }
  }
}
