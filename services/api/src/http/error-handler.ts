import { ERROR_KINDS, type ErrorCode, SweepError } from '@sweep/spec/errors'
import type { ErrorBody } from '@sweep/spec/wire/api'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { App } from './app.ts'
import { toJson } from './to-json.ts'

const RETRY_AFTER_SECONDS = 2

/** Turns whatever was thrown into one shape of reply; a stack or a message of the database never leaves the server. */
export function addErrorHandler(app: App, log: Logger): void {
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => {
    const error = new SweepError('not-found', `nothing is served at ${request.method} ${request.url.slice(0, 200)}`, {
      hint: 'The routes are listed in /api/v1/openapi.json.',
    })
    return sendError(error, request, reply, log)
  })
}

export function errorBody(error: SweepError, requestId: string): ErrorBody {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.details === undefined ? {} : { details: error.details }),
    requestId,
  }
}

/** The form that clients expect an error in. */
export type ErrorForm = (error: SweepError, requestId: string) => { readonly status: number; readonly body: object }

const OUR_FORM: ErrorForm = (error, requestId) => ({
  status: ERROR_KINDS[error.code].status,
  body: errorBody(error, requestId),
})

/** The reply to a request that failed, and what the log keeps of it. */
export function sendError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
  form = OUR_FORM,
): FastifyReply {
  const error = asSweepError(thrown)
  const { status, body } = form(error, request.id)
  const fields = { requestId: request.id, method: request.method, url: request.url.slice(0, 200), code: error.code }
  if (error.code === 'internal') log.error({ ...fields, err: thrown }, 'request failed')
  else if (status >= 500) log.warn({ ...fields, err: thrown }, 'request not served')
  else if (status === 401 || status === 403 || status === 421) {
    log.warn({ ...fields, from: request.ip, reason: error.message }, 'request refused')
  }
  if (error.retryable) reply.header('retry-after', String(RETRY_AFTER_SECONDS))
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  return reply.status(status).type('application/json; charset=utf-8').send(toJson(body))
}

/** The error that the client may see for anything that was thrown. */
export function asSweepError(error: unknown): SweepError {
  if (error instanceof SweepError) return error.code === 'unavailable' ? away(error) : error
  const code = codeOf(error)
  const known = code === undefined ? undefined : FASTIFY_ERRORS[code]
  if (known !== undefined) return new SweepError(known[0], known[1], { cause: error })
  const status = statusOf(error)
  if (status !== undefined && status >= 400 && status < 500) {
    return new SweepError('invalid-request', error instanceof Error ? error.message : 'the request is not valid', {
      cause: error,
    })
  }
  return new SweepError('internal', 'something went wrong in the server', {
    hint: "The server's log has the details under this request's id.",
    cause: error,
  })
}

/** What exactly does not answer, and where, is for the log; it is nothing to whoever asks. */
function away(error: SweepError): SweepError {
  return new SweepError('unavailable', 'the server cannot reach its database, queue or object store just now', {
    hint: 'Nothing is lost; try again in a few seconds.',
    cause: error,
  })
}

const FASTIFY_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['too-large', 'the body is larger than 1 MiB; send it in parts'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'the body must be application/json'],
  FST_ERR_CTP_EMPTY_TYPE: ['unsupported-media-type', 'the body must be application/json'],
  FST_ERR_CTP_INVALID_JSON_BODY: [
    'invalid-request',
    'the body is not JSON, or holds the key __proto__ or constructor.prototype',
  ],
  FST_ERR_BAD_URL: ['invalid-request', 'the address is not a valid URL path'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'no such thing: the id in the address is too long'],
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined
  return typeof error.statusCode === 'number' ? error.statusCode : undefined
}
