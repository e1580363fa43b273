import { Sha256 } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import { AttemptId } from '@sweep/spec/ids'
import { CheckpointUpload, Kept, RestoreCopies } from '@sweep/spec/wire/agent-protocol'
import { keepCheckpoint, restoreCopies } from '@sweep/store/checkpoints'
import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Principal } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { addByteRoutes } from '../http/byte-routes.ts'
import { sendObject } from '../objects/object-routes.ts'
import { storeUpload } from '../objects/store-upload.ts'

/** Where the best can't be read there may be an older one; more than these have hardly survived. */
const MOST_COPIES = 5

const AttemptPath = z.strictObject({ id: AttemptId })
const UploadPath = z.strictObject({ id: AttemptId, step: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) })
const CopyPath = z.strictObject({ id: AttemptId, sha256: Sha256 })

/** Checkpoints of programs whose disk no agent sees, which they put and get themselves, with the token of their attempt. */
export function addAttemptCheckpointRoutes(app: App, context: ApiContext): void {
  const { database, log } = context

  app.get(
    '/attempts/:id/restore',
    {
      config: { access: 'attempt' },
      schema: {
        summary: 'Copies of checkpoints that the attempt may go on from, the best first',
        params: AttemptPath,
        response: { 200: RestoreCopies },
      },
    },
    async (request) => ({ copies: await restoreCopies(database, request.params.id, MOST_COPIES) }),
  )

  app.get(
    '/attempts/:id/restore/:sha256',
    {
      config: { access: 'attempt' },
      schema: { summary: 'The archive of one of these', params: CopyPath },
    },
    async (request, reply) => {
      const { id, sha256 } = request.params
      // A program may read what its trial goes on from, and no other bytes of the store.
      const copies = await restoreCopies(database, id, MOST_COPIES)
      if (!copies.some((copy) => copy.sha256 === sha256)) {
        throw new SweepError('not-found', `attempt ${id} is not to go on from ${sha256}`)
      }
      return sendObject(sha256, reply, context)
    },
  )

  addByteRoutes(app, (scope) => {
    scope.put<{ Params: z.output<typeof UploadPath>; Querystring: z.output<typeof CheckpointUpload> }>(
      '/attempts/:id/checkpoints/:step',
      {
        config: { access: 'attempt', takesBytes: true },
        schema: {
          summary: 'Keep a checkpoint (a tar archive as application/octet-stream) for the attempts to come',
          params: UploadPath,
          querystring: CheckpointUpload,
          response: { 200: Kept },
        },
      },
      async (request, reply) => {
        const { step } = request.params
        const { path, sha256 } = request.query
        const { agentId, attemptId, epoch } = programOf(request)
        await storeUpload(request, reply, sha256, context)
        const result = await keepCheckpoint(database, agentId, { attemptId, epoch, step, path, sha256 })
        if (result === 'fenced') log.info({ attemptId }, 'checkpoint of a fenced attempt refused')
        return { result }
      },
    )
  })
}

function programOf({ principal }: Pick<FastifyRequest, 'principal'>): Extract<Principal, { kind: 'trial' }> {
  if (principal.kind !== 'trial') throw new SweepError('forbidden', 'only the program of an attempt has checkpoints')
  return principal
}
