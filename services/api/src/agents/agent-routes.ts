import { POPULATION_METHODS } from '@sweep/spec/document/sweep-document'
import { sureLeaseMs } from '@sweep/spec/environment'
import { SweepError } from '@sweep/spec/errors'
import { AgentId, attemptParts } from '@sweep/spec/ids'
import { freeRoom } from '@sweep/spec/room'
import {
  AgentRegistered,
  AskFreeRuns,
  type AttemptReport,
  type AttemptStatus,
  Claim,
  ClaimReply,
  FreeRuns,
  Heartbeat,
  HeartbeatReply,
  Leftovers,
  LostNamespaces,
  RegisterAgent,
  Reports,
  ReportsReply,
} from '@sweep/spec/wire/agent-protocol'
import { AgentList, AgentView } from '@sweep/spec/wire/api'
import { drainAgent, getAgent, listAgents, registerAgent } from '@sweep/store/agents'
import { type ClaimedAttempt, endLeftBehind } from '@sweep/store/attempts'
import { freeRuns } from '@sweep/store/free-runs'
import { claimsThatAreOver, namespacesOfLost } from '@sweep/store/leftovers'
import { ingestReports } from '@sweep/store/reports'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import { SseStream } from '../events/sse.ts'
import type { App } from '../http/app.ts'
import { admit, agentToken } from './admit.ts'
import { agentView } from './agent-view.ts'
import { assign, tellIngested, whenGone } from './assign.ts'
import { noAgent } from './known-agents.ts'
import { addTicketRoutes } from './ticket-routes.ts'

const AgentPath = z.strictObject({ id: AgentId })

/** Agents as people see them, and the protocol that agents speak. */
export function addAgentRoutes(app: App, context: ApiContext): void {
  const { database, log, notifier, settings } = context

  app.get(
    '/agents',
    { config: { access: 'viewer' }, schema: { summary: 'Agents and what they have', response: { 200: AgentList } } },
    async () => ({ agents: (await listAgents(database)).map(agentView) }),
  )

  app.post(
    '/agents/:id/drain',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Let an agent finish what it runs and take no more',
        params: AgentPath,
        response: { 200: AgentView },
      },
    },
    async (request) => {
      const { id } = request.params
      const isDraining = await drainAgent(database, id, `asked by ${principalName(request.principal)}`)
      const agent = await getAgent(database, id)
      if (agent === undefined) throw noAgent(id)
      if (!isDraining) throw new SweepError('conflict', `agent ${agent.name} is gone already`)
      notifier.tell('agent_changed', [id])
      log.info({ agentId: id, by: principalName(request.principal) }, 'agent asked to drain')
      return agentView(agent)
    },
  )

  app.post(
    '/agents',
    {
      config: { access: 'join' },
      schema: {
        summary: 'Register an agent, or one that comes back',
        body: RegisterAgent,
        response: { 200: AgentRegistered },
      },
    },
    async (request) => {
      const { agentId, token, allowed } = await admit(request, context)
      const { attempts } = request.body
      const agent = await registerAgent(database, agentId, request.body, allowed)
      if (attempts !== undefined) {
        const left = await endLeftBehind(database, agentId, attempts)
        if (left.ended.length > 0) log.warn({ agentId, attempts: left.ended }, 'agent was started anew without these')
        tellIngested(left, notifier)
      }
      const text = token ?? (await agentToken(agent, context))
      notifier.tell('agent_changed', [agentId])
      log.info({ agentId, name: agent.name, host: agent.host, slots: agent.slots.length }, 'agent registered')
      const { heartbeatMs, leaseMs } = settings
      return { agentId, token: text, heartbeatMs, leaseMs: sureLeaseMs(leaseMs, heartbeatMs) }
    },
  )

  app.post(
    '/agents/:id/claim',
    {
      config: { access: 'agent' },
      schema: { summary: 'Wait for attempts that fit', params: AgentPath, body: Claim, response: { 200: ClaimReply } },
    },
    (request, reply) => claim(request.params.id, request.body, reply, context),
  )

  addTicketRoutes(app, context)

  app.post(
    '/agents/:id/reports',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Report what attempts wrote',
        params: AgentPath,
        body: Reports,
        response: { 200: ReportsReply },
      },
    },
    async (request, reply) => {
      const { attempts, claim: offer } = request.body
      const { id } = request.params
      const offered = offer === undefined ? undefined : { ...offer, waitMs: 0 }
      // The ends first: what is claimed next runs in their slots.
      const { statuses, claimed } = await ingest(id, attempts, offered, context)
      const answer = { attempts: [...statuses] }
      if (offered === undefined) return answer
      try {
        // With room left after that, it asks again at once.
        const { assignments } =
          claimed.length > 0 ? await assign(id, claimed, reply, context) : await claim(id, offered, reply, context)
        return assignments.length === 0 ? answer : { ...answer, assignments }
      } catch (error) {
        // What was reported stands. The agent asks for work again, and hears then what is wrong.
        log.warn({ err: error, agentId: id }, 'claim with a report not answered')
        return answer
      }
    },
  )

  app.post(
    '/agents/:id/heartbeat',
    {
      config: { access: 'agent' },
      schema: { summary: 'Renew leases', params: AgentPath, body: Heartbeat, response: { 200: HeartbeatReply } },
    },
    async (request) => {
      const { attempts, drain } = await context.heartbeatLine.take(request.params.id, request.body)
      return { attempts: [...attempts], drain }
    },
  )

  app.post(
    '/agents/:id/free-runs',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Which attempts have left nothing in their run folders that is still needed',
        params: AgentPath,
        body: AskFreeRuns,
        response: { 200: FreeRuns },
      },
    },
    async (request) => {
      const options = { bestKept: settings.objects.bestKept, populations: POPULATION_METHODS }
      return { free: await freeRuns(database, request.body.attempts, options) }
    },
  )

  app.post(
    '/agents/:id/leftovers',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Which of the attempts that an agent has found something of are over, whoever ran them',
        params: AgentPath,
        body: Leftovers,
        response: { 200: Leftovers },
      },
    },
    async (request) => ({ attempts: await claimsThatAreOver(database, request.body.attempts) }),
  )

  app.post(
    '/agents/:id/lost-namespaces',
    {
      config: { access: 'agent' },
      schema: {
        summary: 'Where in a cluster lost agents may have left something',
        params: AgentPath,
        response: { 200: LostNamespaces },
      },
    },
    async () => ({ namespaces: await namespacesOfLost(database) }),
  )

  app.get(
    '/agents/:id/stream',
    { config: { access: 'agent' }, schema: { summary: 'Decisions as they are made (SSE)', params: AgentPath } },
    (request, reply) => context.agentStreams.add(request.params.id, new SseStream(reply, settings.heartbeatMs)),
  )
}

/** Takes reports, and claims in passing what is at hand of the sweeps they are of. */
async function ingest(
  agentId: AgentId,
  reports: readonly AttemptReport[],
  offer: Claim | undefined,
  { broker, clock, database, ingestLine, knownAgents, monitoring, notifier, settings }: ApiContext,
): Promise<{ statuses: readonly AttemptStatus[]; claimed: readonly ClaimedAttempt[] }> {
  const sweepIds = new Set(reports.map((report) => attemptParts(report.attemptId).sweepId))
  const agent = offer === undefined ? undefined : await knownAgents.get(agentId)
  const aside =
    offer !== undefined && agent?.state === 'ready'
      ? broker.setAside({ ...agent, max: offer.max, room: freeRoom(offer.room, agent.slots) }, sweepIds)
      : undefined
  try {
    const along = { leaseMs: settings.leaseMs, attemptIds: aside?.attemptIds ?? [] }
    const { claims, ...ingested } = await ingestReports(database, agentId, reports, along, ingestLine.take)
    aside?.settle(claims)
    tellIngested(ingested, notifier)
    monitoring.reported(reports, clock.now())
    return { statuses: ingested.statuses, claimed: claims.filter((one) => one.result === 'claimed') }
  } catch (error) {
    aside?.settle(null)
    throw error
  }
}

async function claim(agentId: AgentId, body: Claim, reply: FastifyReply, context: ApiContext): Promise<ClaimReply> {
  const agent = await context.knownAgents.need(agentId)
  const gone = whenGone(reply)
  // An agent that drains still waits, so that it does not ask again and again.
  const room = freeRoom(body.room, agent.state === 'ready' ? agent.slots : [])
  const { labels, launchers, queues } = agent
  const claimed = await context.broker.claim({ ...body, room, agentId, labels, launchers, queues, gone })
  return assign(agentId, claimed, reply, context)
}
