import { ArtifactPath } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import { AgentId } from '@sweep/spec/ids'
import { KeepArtifact, KeepCheckpoint, Kept } from '@sweep/spec/wire/agent-protocol'
import { ArtifactList } from '@sweep/spec/wire/api'
import { getArtifact, keepArtifact, listArtifacts } from '@sweep/store/artifacts'
import { keepCheckpoint } from '@sweep/store/checkpoints'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { decodeCursor, encodeCursor } from '../http/page-cursor.ts'
import { sendObject } from '../objects/object-routes.ts'
import { knownTrial, TrialPath } from '../trials/trial-routes.ts'
import { attachmentName } from './attachment-name.ts'

const AgentPath = z.strictObject({ id: AgentId })
const ListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(1000),
  after: z.string().max(10_000).optional(),
})
const FileQuery = z.strictObject({ path: ArtifactPath })

/** What runs leave behind: files that people fetch, and checkpoints that other agents go on from. */
export function addArtifactRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.get(
    '/sweeps/:id/trials/:number/artifacts',
    {
      config: { access: 'trial' },
      schema: {
        summary: 'Files that the program of a trial left in artifacts/',
        params: TrialPath,
        querystring: ListQuery,
        response: { 200: ArtifactList },
      },
    },
    async (request) => {
      const { id, number } = request.params
      const { limit } = request.query
      await knownTrial(id, number, context)
      const after = request.query.after === undefined ? undefined : decodeCursor(request.query.after, ArtifactPath)
      const found = await listArtifacts(database, id, number, { after, limit: limit + 1 })
      const page = found.slice(0, limit)
      const last = page.at(-1)
      return {
        artifacts: page.map(({ createdAt, ...rest }) => ({ ...rest, createdAt: createdAt.toISOString() })),
        next: found.length > limit && last !== undefined ? encodeCursor(last.path) : null,
      }
    },
  )

  app.get(
    '/sweeps/:id/trials/:number/artifacts/file',
    {
      config: { access: 'trial' },
      schema: { summary: 'The bytes of one of these files', params: TrialPath, querystring: FileQuery },
    },
    async (request, reply) => {
      const { id, number } = request.params
      const { path } = request.query
      await knownTrial(id, number, context)
      const artifact = await getArtifact(database, id, number, path)
      if (artifact === undefined) {
        throw new SweepError('not-found', `trial ${number} of sweep ${id} has no artifact ${JSON.stringify(path)}`, {
          hint: `List them with \`sweep trial artifacts ${id}/${number}\`.`,
        })
      }
      // Saved, never shown: a page among them would run as one of ours.
      reply.header('content-disposition', attachmentName(path))
      reply.header('x-content-sha256', artifact.sha256)
      return sendObject(artifact.sha256, reply, context)
    },
  )

  app.post(
    '/agents/:id/artifacts',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Note that a file of an attempt was uploaded',
        params: AgentPath,
        body: KeepArtifact,
        response: { 200: Kept },
      },
    },
    async (request) => {
      const result = await keepArtifact(database, request.params.id, request.body)
      if (result === 'fenced') log.info({ attemptId: request.body.attemptId }, 'artifact of a fenced attempt refused')
      return { result }
    },
  )

  app.post(
    '/agents/:id/checkpoints',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Note that a checkpoint of an attempt was uploaded',
        params: AgentPath,
        body: KeepCheckpoint,
        response: { 200: Kept },
      },
    },
    async (request) => {
      const result = await keepCheckpoint(database, request.params.id, request.body)
      if (result === 'fenced') log.info({ attemptId: request.body.attemptId }, 'checkpoint of a fenced attempt refused')
      return { result }
    },
  )
}
