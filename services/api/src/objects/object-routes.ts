import { getContent } from '@sweep/objects/content'
import { Sha256 } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import { findObject } from '@sweep/store/objects'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { addByteRoutes } from '../http/byte-routes.ts'
import { storeUpload } from './store-upload.ts'

const ObjectPath = z.strictObject({ sha256: Sha256 })
const Stored = z.strictObject({ sha256: Sha256, sizeBytes: z.int() })

/** Bytes by their hash, as the command, agents and readers put and get them. */
export function addObjectRoutes(app: App, context: ApiContext): void {
  const { database } = context

  app.head(
    '/objects/:sha256',
    { config: { access: 'download' }, schema: { summary: 'Whether an object is stored', params: ObjectPath } },
    async (request, reply) => {
      const sizeBytes = await findObject(database, request.params.sha256)
      if (sizeBytes === undefined) return reply.status(404).send()
      return reply.header('content-length', String(sizeBytes)).send()
    },
  )

  app.get(
    '/objects/:sha256',
    { config: { access: 'download' }, schema: { summary: 'The bytes of an object', params: ObjectPath } },
    (request, reply) => sendObject(request.params.sha256, reply, context),
  )

  addByteRoutes(app, (scope) => {
    scope.put<{ Params: z.output<typeof ObjectPath> }>(
      '/objects/:sha256',
      {
        config: { access: 'upload', takesBytes: true },
        schema: {
          summary: 'Store bytes (application/octet-stream) under their SHA-256; other bytes are refused',
          params: ObjectPath,
          response: { 200: Stored },
        },
      },
      (request, reply) => storeUpload(request, reply, request.params.sha256, context),
    )
  })
}

/** @throws SweepError `not-found` */
export async function sendObject(
  sha256: string,
  reply: FastifyReply,
  { database, log, objects }: ApiContext,
): Promise<FastifyReply> {
  const isKnown = (await findObject(database, sha256)) !== undefined
  const found = isKnown ? await getContent(objects, sha256) : undefined
  if (found === undefined) {
    if (isKnown) log.error({ sha256 }, 'object is not where it was stored')
    throw new SweepError('not-found', `there is no object ${sha256}`)
  }
  if (!reply.hasHeader('content-type')) reply.type('application/octet-stream')
  return reply.header('content-length', String(found.sizeBytes)).send(found.stream)
}
