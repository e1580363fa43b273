import type { Readable } from 'node:stream'
import { getContent, putContent } from '@sweep/objects/content'
import { Sha256 } from '@sweep/spec/code'
import { SweepError } from '@sweep/spec/errors'
import { findObject, finishObject, reserveObject, storedBytes } from '@sweep/store/objects'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'

const ObjectPath = z.strictObject({ sha256: Sha256 })
const Stored = z.strictObject({ sha256: Sha256, sizeBytes: z.int() })

/** An upload says this often that it goes on. */
const RESERVE_EVERY_MS = 600_000

/** Bytes by their hash, as the command, agents and readers put and get them. */
export function addObjectRoutes(app: App, context: ApiContext): void {
  const { database, objects, settings } = context

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

  // A scope of its own, so that no other route takes bytes that it does not expect.
  app.register(async (scope) => {
    scope.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))

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
      async (request, reply) => {
        const { sha256 } = request.params
        const body = request.body as Readable | undefined
        if (body === undefined) throw new SweepError('invalid-request', 'the bytes of the object are missing')
        const { quotaBytes } = settings.objects
        const reserve = () => reserveObject(database, sha256)
        const renew = setInterval(() => void reserve().catch(() => undefined), RESERVE_EVERY_MS)
        try {
          if (quotaBytes !== undefined && (await storedBytes(database)) >= quotaBytes) throw overQuota(quotaBytes)
          await reserve()
          const sizeBytes = await putContent(objects, sha256, body)
          await finishObject(database, sha256, sizeBytes)
          return { sha256, sizeBytes }
        } catch (error) {
          // What is still on its way is let pass: a client that is cut off while it sends never reads why.
          reply.header('connection', 'close')
          request.raw.resume()
          throw error
        } finally {
          clearInterval(renew)
        }
      },
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

function overQuota(quotaBytes: number): SweepError {
  return new SweepError('storage-full', `the object store holds ${quotaBytes} bytes, which is all that it may`, {
    hint: 'Raise SWEEP_OBJECTS_QUOTA where the server is started.',
    retryable: true,
  })
}
