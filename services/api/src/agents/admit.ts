import { SweepError } from '@sweep/spec/errors'
import { AgentId, newId } from '@sweep/spec/ids'
import type { RegisterAgent } from '@sweep/spec/wire/agent-protocol'
import { type AgentRecord, allowedQueues } from '@sweep/store/agents'
import { createToken, spendToken } from '@sweep/store/tokens'
import type { FastifyRequest } from 'fastify'
import { hasRole } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'

/**
 * Under which id and token an agent goes on, its own when it proves them, and which queues it may serve: those of the
 * token that it once joined with.
 */
export async function admit(
  request: FastifyRequest<{ Body: RegisterAgent }>,
  { database, randomBytes, authenticator }: ApiContext,
): Promise<{ agentId: AgentId; token: string | undefined; allowed: readonly string[] | null }> {
  const { principal, body } = request
  if (principal.kind === 'agent') {
    if (body.agentId !== undefined && body.agentId !== principal.agentId) {
      throw new SweepError('forbidden', `this token belongs to agent ${principal.agentId}, not to ${body.agentId}`)
    }
    const allowed = await allowedQueues(database, principal.agentId)
    checkQueues(body.queues, allowed)
    const token = (request.headers.authorization ?? '').replace(/^Bearer +/i, '')
    return { agentId: principal.agentId, token, allowed }
  }
  const allowed = principal.kind === 'join' ? principal.queues : null
  // Before a use is spent.
  checkQueues(body.queues, allowed)
  if (principal.kind === 'join' && !(await spendToken(database, principal.tokenId))) {
    authenticator.forget()
    throw new SweepError('unauthenticated', 'the join token has no use left', {
      hint: 'Make another: `sweep token create --join`.',
    })
  }
  // Somebody with rights of their own may take an agent over that has lost its token; a join token may not.
  const keepsId = body.agentId !== undefined && hasRole(principal, 'operator')
  const agentId = keepsId && body.agentId !== undefined ? body.agentId : AgentId.parse(newId(randomBytes))
  return { agentId, token: undefined, allowed }
}

function checkQueues(queues: readonly string[], allowed: readonly string[] | null): void {
  const others = allowed === null ? [] : queues.filter((queue) => !allowed.includes(queue))
  if (allowed === null || others.length === 0) return
  throw new SweepError(
    'forbidden',
    `an agent with this token may serve ${allowed.join(', ')}, but not ${others.join(', ')}`,
    {
      hint: `Start it with --queue ${allowed[0]}, or with a token for the other queues.`,
    },
  )
}

/** The text of a token of its own for an agent that has none. */
export async function agentToken({ id, name }: AgentRecord, { database, randomBytes }: ApiContext): Promise<string> {
  return (await createToken(database, randomBytes, { kind: 'agent', agentId: id, name })).text
}
