import { Sha256 } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import {
  ArtifactType,
  ChangeArtifact,
  Lineage,
  NoteArtifact,
  RunArtifactList,
  RunArtifactPath,
  RunArtifactView,
  UseArtifact,
} from '@sweep/spec/wire/tracking/artifacts'
import { type Link, lineageOf, useArtifact } from '@sweep/store/tracking/lineage'
import {
  artifactVersions,
  changeArtifact,
  deleteArtifact,
  listRunArtifacts,
  noteArtifact,
  type RunArtifact,
  requireArtifact,
} from '@sweep/store/tracking/run-artifacts'
import { getRun, lockRun } from '@sweep/store/tracking/runs'
import { z } from 'zod'
import { attachmentName } from '../artifacts/attachment-name.ts'
import type { Principal } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { addByteRoutes } from '../http/byte-routes.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { sendObject } from '../objects/object-routes.ts'
import { letPass, storeUpload } from '../objects/store-upload.ts'
import { RunPath } from './run-routes.ts'

const ListQuery = z.strictObject({
  /** All versions of this one file. */
  path: RunArtifactPath.optional(),
  /** Files whose path begins so. */
  prefix: z.string().max(1024).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  after: z.string().max(10_000).optional(),
})
/** `version` is a number, an alias, or `latest`. */
const FileQuery = z.strictObject({ path: RunArtifactPath, version: z.string().min(1).max(100).default('latest') })
const UploadQuery = z.strictObject({
  path: RunArtifactPath,
  /** Other bytes are refused. */
  sha256: Sha256.optional(),
  type: ArtifactType.optional(),
})

/** Files of runs: versions by path, aliases, and who has used them. */
export function addRunArtifactRoutes(app: App, context: ApiContext): void {
  const { database } = context

  app.get(
    '/runs/:id/artifacts',
    {
      config: { access: 'run' },
      schema: {
        summary: 'Files of a run, the newest version of each; or all versions of one',
        params: RunPath,
        querystring: ListQuery,
        response: { 200: RunArtifactList },
      },
    },
    async (request) => {
      const { path, prefix, limit, after } = request.query
      const { key } = await getRun(database, request.params.id)
      if (path !== undefined) {
        return { artifacts: (await artifactVersions(database, key, path)).map(artifactView), next: null }
      }
      const found = await listRunArtifacts(database, key, {
        limit: limit + 1,
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after: decodeCursor(after, z.string()) }),
      })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { artifacts: page.map(artifactView), next: last === undefined ? null : encodeCursor(last.path) }
    },
  )

  app.get(
    '/runs/:id/artifacts/file',
    {
      config: { access: 'run' },
      schema: { summary: 'The bytes of one of these files', params: RunPath, querystring: FileQuery },
    },
    async (request, reply) => {
      const { id } = request.params
      const { path, version } = request.query
      const { key } = await getRun(database, id)
      const artifact = await requireArtifact(database, id, key, path, version)
      // Saved, never shown: a page among them would run as one of ours.
      reply.header('content-disposition', attachmentName(path))
      reply.header('x-content-sha256', artifact.sha256)
      return sendObject(artifact.sha256, reply, context)
    },
  )

  addByteRoutes(app, (scope) => {
    scope.put<{ Params: z.output<typeof RunPath>; Querystring: z.output<typeof UploadQuery> }>(
      '/runs/:id/artifacts/file',
      {
        config: { access: 'log', takesBytes: true },
        schema: {
          summary: 'Upload a file (application/octet-stream); other bytes than before are a new version',
          params: RunPath,
          querystring: UploadQuery,
          response: { 200: RunArtifactView, 201: RunArtifactView },
        },
      },
      async (request, reply) => {
        const { id } = request.params
        const { path, sha256, type } = request.query
        // Before gigabytes are sent for nothing.
        await database
          .tx((tx) => lockRun(tx, id))
          .catch(async (error: unknown) => {
            await letPass(request, reply)
            throw error
          })
        const stored = await storeUpload(request, reply, sha256, context)
        const noted = { path, sha256: stored.sha256, type, aliases: [] }
        const { artifact, isNew } = await noteArtifact(database, id, noted, attemptOf(request.principal))
        return reply.status(isNew ? 201 : 200).send(artifactView(artifact))
      },
    )
  })

  app.post(
    '/runs/:id/artifacts',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Note a file whose bytes are in the object store',
        params: RunPath,
        body: NoteArtifact,
        response: { 200: RunArtifactView, 201: RunArtifactView },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      if (request.principal.kind === 'trial') refuseForeignBytes()
      const { artifact, isNew } = await noteArtifact(database, id, request.body, null)
      return reply.status(isNew ? 201 : 200).send(artifactView(artifact))
    },
  )

  app.patch(
    '/runs/:id/artifacts/file',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Change type, metadata and aliases of a version of a file',
        params: RunPath,
        querystring: FileQuery,
        body: ChangeArtifact,
        response: { 200: RunArtifactView },
      },
    },
    async (request) => {
      const { path, version } = request.query
      return artifactView(await changeArtifact(database, request.params.id, path, version, request.body))
    },
  )

  app.delete(
    '/runs/:id/artifacts/file',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Delete all versions of a file',
        params: RunPath,
        querystring: z.strictObject({ path: RunArtifactPath }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await deleteArtifact(database, request.params.id, request.query.path)
      return reply.status(204).send(null)
    },
  )

  app.post(
    '/runs/:id/artifacts/uses',
    {
      config: { access: 'log' },
      schema: {
        summary: 'Note that this run has read a file of another',
        params: RunPath,
        body: UseArtifact,
        response: { 200: Lineage },
      },
    },
    async (request) => {
      const { id } = request.params
      const { runId, path, version = 'latest' } = request.body
      await useArtifact(database, id, { runId, path, version })
      const { key } = await getRun(database, id)
      return lineageView(await lineageOf(database, key))
    },
  )

  app.get(
    '/runs/:id/lineage',
    {
      config: { access: 'run' },
      schema: {
        summary: 'Files of other runs that this one has read, and runs that have read files of this one',
        params: RunPath,
        response: { 200: Lineage },
      },
    },
    async (request) => {
      const { key } = await getRun(database, request.params.id)
      return lineageView(await lineageOf(database, key))
    },
  )
}

/** A trial may read what its own run has and nothing else; with the hash of another file it could read that. */
function refuseForeignBytes(): never {
  throw new SweepError('forbidden', "a trial's program uploads its files itself", {
    hint: 'Use PUT /runs/{id}/artifacts/file.',
  })
}

function attemptOf(principal: Principal) {
  return principal.kind === 'trial' ? principal.attemptId : null
}

function artifactView({ createdAt, aliases, metadata, ...artifact }: RunArtifact): RunArtifactView {
  return { ...artifact, metadata: { ...metadata }, aliases: [...aliases], createdAt: createdAt.toISOString() }
}

function lineageView({ uses, usedBy }: Awaited<ReturnType<typeof lineageOf>>): Lineage {
  const view = ({ at, ...link }: Link) => ({ ...link, at: at.toISOString() })
  return { uses: uses.map(view), usedBy: usedBy.map(view) }
}
