import { createHash } from 'node:crypto'
import type { Clock } from '@sweep/spec/clock'
import { SweepError } from '@sweep/spec/errors'
import { agentOfRunning } from '@sweep/store/attempt-record'
import type { Database } from '@sweep/store/database'
import { findToken, type TokenRecord } from '@sweep/store/tokens'
import type { FastifyRequest } from 'fastify'
import type { ApiSettings } from '../settings.ts'
import type { AttemptTokens } from './attempt-tokens.ts'
import { FailureLimit } from './failure-limit.ts'
import type { Principal } from './principal.ts'

export const SESSION_COOKIE = 'sweep_session'

/** How long a revoked token may go on working in another api process. */
const KNOWN_MS = 10_000
const UNKNOWN_MS = 2000
const MOST_CACHED = 10_000
const TOKEN_TEXT = /^swp_[a-z]{1,10}_[A-Za-z0-9._-]{1,200}$/
const NOBODY: Principal = { kind: 'nobody' }

export interface AuthenticatorOptions {
  readonly database: Database
  readonly clock: Clock
  readonly attemptTokens: AttemptTokens
  readonly settings: ApiSettings
}

/** Tells who a request comes from. Tokens are looked up by their SHA-256 and remembered for a few seconds. */
export class Authenticator {
  readonly #options: AuthenticatorOptions
  readonly #cache = new Map<string, { readonly principal: Principal; readonly untilMs: number }>()
  readonly #failures: FailureLimit

  constructor(options: AuthenticatorOptions) {
    this.#options = options
    this.#failures = new FailureLimit(options.clock)
  }

  /** @throws SweepError `unauthenticated` for a token that is not (or no longer) good, `too-many-requests` after many */
  async identify(request: FastifyRequest): Promise<Principal> {
    const header = request.headers.authorization
    if (header !== undefined) {
      const token = tokenIn(header, isMlflow(request))
      if (token === undefined) {
        throw new SweepError('unauthenticated', 'the Authorization header must be "Bearer <token>"')
      }
      const principal = await this.#lookUp(token, request.ip)
      if (principal.kind !== 'nobody') return principal
      throw new SweepError('unauthenticated', 'the token is not known here, has expired or was revoked', {
        hint: 'Check SWEEP_TOKEN; the local server keeps its own in the file `token` of its home folder.',
      })
    }
    // A cookie comes along with whatever a browser sends, so it is good for reading only.
    const cookie = request.method === 'GET' ? cookieOf(request) : undefined
    if (cookie !== undefined) {
      const principal = await this.#lookUp(cookie, request.ip)
      if (principal.kind === 'user') return { ...principal, role: 'viewer' }
    }
    return this.#mayBeUnnamed(request) ? { kind: 'anonymous' } : NOBODY
  }

  /** After a token was revoked or used up. */
  forget(): void {
    this.#cache.clear()
  }

  async #lookUp(token: string, from: string): Promise<Principal> {
    const { clock } = this.#options
    const key = createHash('sha256').update(token).digest('base64')
    const cached = this.#cache.get(key)
    if (cached !== undefined && clock.now() < cached.untilMs) return cached.principal
    this.#failures.check(from)
    const principal = TOKEN_TEXT.test(token) ? await this.#find(token) : NOBODY
    if (principal.kind === 'nobody') this.#failures.count(from)
    if (this.#cache.size >= MOST_CACHED) this.#cache.clear()
    this.#cache.set(key, { principal, untilMs: clock.now() + (principal.kind === 'nobody' ? UNKNOWN_MS : KNOWN_MS) })
    return principal
  }

  async #find(token: string): Promise<Principal> {
    const { database, attemptTokens } = this.#options
    if (token.startsWith('swp_trial_')) {
      const attempt = attemptTokens.verify(token)
      if (attempt === undefined) return NOBODY
      const agentId = await agentOfRunning(database, attempt.attemptId, attempt.epoch)
      return agentId === undefined ? NOBODY : { kind: 'trial', ...attempt, agentId }
    }
    const record = await findToken(database, token)
    return record === undefined ? NOBODY : principalOf(record)
  }

  #mayBeUnnamed(request: FastifyRequest): boolean {
    const { anonymousMlflow, anonymousRead } = this.#options.settings
    // MLflow's clients search by POST.
    const reads = request.method === 'GET' || request.routeOptions.config.access === 'mlflow-read'
    const isLetIn = (reads && anonymousRead === 'loopback') || (isMlflow(request) && anonymousMlflow === 'loopback')
    if (!isLetIn) return false
    // Behind a proxy everybody seems to come from this machine.
    if (request.headers['x-forwarded-for'] !== undefined || request.headers['forwarded'] !== undefined) return false
    return isLoopback(request.socket.remoteAddress ?? '')
  }
}

function isMlflow(request: FastifyRequest): boolean {
  const { access } = request.routeOptions.config
  return access === 'mlflow-read' || access === 'mlflow-write'
}

/** The token of an Authorization header; as the password of a name, where clients know nothing else. */
function tokenIn(header: string, basicToo: boolean): string | undefined {
  const bearer = /^Bearer +(\S{1,300})$/i.exec(header)?.[1]
  const basic = basicToo ? /^Basic +([A-Za-z0-9+/=]{1,1000})$/i.exec(header)?.[1] : undefined
  if (basic === undefined) return bearer
  return /^[^:]*:(\S{1,300})$/.exec(Buffer.from(basic, 'base64').toString())?.[1]
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address === 'localhost' || /^(::ffff:)?127\.\d+\.\d+\.\d+$/.test(address)
}

function principalOf(record: TokenRecord): Principal {
  const tokenId = record.id
  switch (record.kind) {
    case 'user':
      return { kind: 'user', tokenId, name: record.name, role: record.role }
    case 'join':
      return { kind: 'join', tokenId, name: record.name, queues: record.queues }
    case 'agent':
      return { kind: 'agent', tokenId, agentId: record.agentId }
  }
}

function cookieOf(request: FastifyRequest): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=')
    if (name === SESSION_COOKIE && value) return value
  }
  return undefined
}
