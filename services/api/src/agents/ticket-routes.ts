import { SweepError } from '@sweep/spec/errors'
import { AgentId, type AttemptId, attemptParts } from '@sweep/spec/ids'
import { queueName, shapeOf } from '@sweep/spec/queue-name'
import { ClaimReply, ClaimTickets, QueueAccess } from '@sweep/spec/wire/agent-protocol'
import type { AgentRecord } from '@sweep/store/agents'
import type { Database } from '@sweep/store/database'
import { sweepDefinition } from '@sweep/store/sweeps'
import { z } from 'zod'
import type { ApiContext } from '../context.ts'
import type { App } from '../http/app.ts'
import { assign } from './assign.ts'
import { serves, type TicketLine } from './ticket-line.ts'

const AgentPath = z.strictObject({ id: AgentId })

type Line = Pick<TicketLine, 'name' | 'queue' | 'shape' | 'launcher'>

/** For agents that take tickets out of Redis themselves. What a ticket is worth, the claim decides, as for all others. */
export function addTicketRoutes(app: App, context: ApiContext): void {
  const { agentQueues, agentUsers, broker, database, ingestLine, knownAgents, settings } = context

  app.post(
    '/agents/:id/queue-access',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'How an agent may take tickets itself, where the server lets it',
        params: AgentPath,
        response: { 200: QueueAccess },
      },
    },
    async (request) => {
      const agent = await knownAgents.need(request.params.id)
      if (settings.agentRedisUrl === undefined) return { queues: [] }
      await agentQueues.read()
      const queues = agentQueues.of(agent)
      if (agentUsers === undefined) return { redisUrl: settings.agentRedisUrl, queues }
      const redisUrl = await agentUsers.addressFor(
        agent.id,
        queues.map(({ name }) => name),
      )
      return redisUrl === undefined ? { queues: [] } : { redisUrl, queues }
    },
  )

  app.post(
    '/agents/:id/claim-tickets',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Claim attempts whose tickets the agent took itself',
        params: AgentPath,
        body: ClaimTickets,
        response: { 200: ClaimReply },
      },
    },
    async (request, reply) => {
      const agent = await knownAgents.need(request.params.id)
      const lines = await linesOf(request.body.attempts, database)
      for (const line of lines.values()) refuseOthers(agent, line)
      const ids = [...lines.keys()]
      const hold = (id: AttemptId) => {
        const line = lines.get(id)
        if (line !== undefined) broker.hold(line, [id])
      }
      if (agent.state !== 'ready') {
        for (const id of ids) hold(id)
        return { assignments: [] }
      }
      const results = await ingestLine.claim(agent.id, settings.leaseMs, ids)
      for (const { attemptId, result } of results) if (result === 'held') hold(attemptId)
      const claimed = results.filter((one) => one.result === 'claimed')
      return assign(agent.id, claimed, reply, context)
    },
  )
}

/** Which queue each attempt is of, by its sweep; those of sweeps that are not there any more are left out. */
async function linesOf(ids: readonly AttemptId[], database: Database): Promise<Map<AttemptId, Line>> {
  const lines = new Map<AttemptId, Line>()
  for (const id of ids) {
    try {
      const { document } = await sweepDefinition(database, attemptParts(id).sweepId)
      const { launcher, queue } = document
      const shape = shapeOf(document)
      lines.set(id, { name: queueName(queue, shape, launcher), queue, shape, launcher })
    } catch (error) {
      if (!(error instanceof SweepError && error.code === 'not-found')) throw error
    }
  }
  return lines
}

/** Whoever is in Redis can name any attempt; it gets none that it would not have been offered. */
function refuseOthers(agent: AgentRecord, line: Line): void {
  if (serves(agent, line)) return
  throw new SweepError('forbidden', `agent ${agent.name} may not claim attempts of ${line.name}`, {
    hint: 'It serves other queues, or lacks the launcher or the labels.',
  })
}
