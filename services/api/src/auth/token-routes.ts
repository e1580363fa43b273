import { SweepError } from '@sweep/spec/errors'
import { CreateToken, TokenCreated, TokenList, type TokenView, WhoAmI } from '@sweep/spec/wire/api'
import { createToken, listTokens, revokeToken, type TokenRecord } from '@sweep/store/tokens'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { SESSION_COOKIE } from './authenticator.ts'
import { principalName } from './principal.ts'

const TokenPath = z.strictObject({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
const SESSION_SECONDS = 30 * 86_400

export function addTokenRoutes(app: App, context: ApiContext): void {
  const { authenticator, database, log, randomBytes } = context

  app.get(
    '/whoami',
    {
      config: { access: 'public' },
      schema: { summary: "What the request's token may do", response: { 200: WhoAmI } },
    },
    async (request) => {
      const principal = await authenticator.identify(request)
      const role = principal.kind === 'user' ? principal.role : principal.kind === 'anonymous' ? 'viewer' : null
      return { kind: principal.kind, name: principalName(principal), role } as const
    },
  )

  app.get(
    '/tokens',
    { config: { access: 'admin' }, schema: { summary: 'Tokens, without their text', response: { 200: TokenList } } },
    async () => ({ tokens: (await listTokens(database)).map(tokenView) }),
  )

  app.post(
    '/tokens',
    {
      config: { access: 'admin' },
      schema: {
        summary: 'Make a token; its text is shown this once',
        body: CreateToken,
        response: { 201: TokenCreated },
      },
    },
    async (request, reply) => {
      const { body } = request
      const expires = body.expiresInSeconds === undefined ? {} : { expiresInMs: body.expiresInSeconds * 1000 }
      const { id, text } = await createToken(
        database,
        randomBytes,
        body.kind === 'user' ? { kind: 'user', name: body.name, role: body.role, ...expires } : { ...body, ...expires },
      )
      log.info({ tokenId: id, kind: body.kind, by: principalName(request.principal) }, 'token made')
      return reply.status(201).send({ id, token: text })
    },
  )

  app.delete(
    '/tokens/:id',
    { config: { access: 'admin' }, schema: { summary: 'Revoke a token', params: TokenPath } },
    async (request, reply) => {
      const { id } = request.params
      if (!(await revokeToken(database, id))) throw new SweepError('not-found', `there is no token ${id}`)
      authenticator.forget()
      log.info({ tokenId: id, by: principalName(request.principal) }, 'token revoked')
      return reply.status(204).send()
    },
  )

  app.post(
    '/session',
    {
      config: { access: 'viewer' },
      schema: { summary: 'Let this browser read; the cookie holds a viewer token of its own' },
    },
    async (request, reply) => {
      const name = `browser of ${principalName(request.principal)}`.slice(0, 100)
      const token = { kind: 'user', role: 'viewer', name, expiresInMs: SESSION_SECONDS * 1000 } as const
      const { text } = await createToken(database, randomBytes, token)
      reply.header(
        'set-cookie',
        `${SESSION_COOKIE}=${text}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${SESSION_SECONDS}`,
      )
      return reply.status(204).send()
    },
  )
}

function tokenView(token: TokenRecord): TokenView {
  return {
    id: token.id,
    kind: token.kind,
    name: token.name,
    role: token.kind === 'user' ? token.role : null,
    agentId: token.kind === 'agent' ? token.agentId : null,
    createdAt: token.createdAt.toISOString(),
    ...(token.kind === 'join' && token.queues !== null ? { queues: [...token.queues] } : {}),
    ...(token.kind === 'join' && token.usesLeft !== null ? { usesLeft: token.usesLeft } : {}),
    ...(token.expiresAt === null ? {} : { expiresAt: token.expiresAt.toISOString() }),
  }
}
