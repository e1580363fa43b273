import { hostname } from 'node:os'
import { POPULATION_METHODS } from '@sweep/spec/document/sweep-document'
import { sureLeaseMs } from '@sweep/spec/environment'
import { SweepError } from '@sweep/spec/errors'
import { AgentId, attemptParts } from '@sweep/spec/ids'
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
  RegisterAgent,
  Reports,
  ReportsReply,
} from '@sweep/spec/wire/agent-protocol'
import { AgentList, AgentView } from '@sweep/spec/wire/api'
import { type AgentRecord, drainAgent, getAgent, hasOtherAgents, listAgents, registerAgent } from '@sweep/store/agents'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import { checkpointCopy } from '@sweep/store/checkpoints'
import { freeRuns } from '@sweep/store/free-runs'
import { claimsThatAreOver } from '@sweep/store/leftovers'
import { type Ingested, ingestReports } from '@sweep/store/reports'
import type { SweepDefinition } from '@sweep/store/sweeps'
import { sweepDefinition } from '@sweep/store/sweeps'
import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { principalName } from '../auth/principal.ts'
import type { ApiContext } from '../context.ts'
import type { Notifier } from '../events/notifier.ts'
import { SseStream } from '../events/sse.ts'
import type { App } from '../http/app.ts'
import { admit, agentToken } from './admit.ts'
import { agentView } from './agent-view.ts'
import { assignmentOf } from './assignment.ts'
import { freeRoom } from './room.ts'

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
      const agent = await registerAgent(database, agentId, request.body, allowed)
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

function tellIngested({ sweepIds, queued }: Pick<Ingested, 'sweepIds' | 'queued'>, notifier: Notifier): void {
  notifier.tell('sweep_changed', sweepIds)
  notifier.tell(
    'attempts_queued',
    queued.map((attempt) => attempt.queueName),
  )
}

async function claim(agentId: AgentId, body: Claim, reply: FastifyReply, context: ApiContext): Promise<ClaimReply> {
  const agent = await knownAgent(agentId, context)
  const gone = whenGone(reply)
  // An agent that drains still waits, so that it does not ask again and again.
  const room = freeRoom(body.room, agent.state === 'ready' ? agent.slots : [])
  const { labels, launchers, queues } = agent
  const claimed = await context.broker.claim({ ...body, room, agentId, labels, launchers, queues, gone })
  return assign(agentId, claimed, reply, context)
}

/** What an agent needs to run what it has claimed; given back when the reply does not get through. */
async function assign(
  agentId: AgentId,
  claimed: readonly ClaimedAttempt[],
  reply: FastifyReply,
  context: ApiContext,
): Promise<ClaimReply> {
  if (claimed.length === 0) return { assignments: [] }
  const { attemptTokens, database } = context
  let isSent = false
  reply.raw.once('finish', () => {
    isSent = true
  })
  const giveBackUnsent = () => {
    if (!isSent) void giveBack(agentId, claimed, context)
  }
  const gone = whenGone(reply)
  if (gone.aborted) giveBackUnsent()
  else gone.addEventListener('abort', giveBackUnsent, { once: true })
  try {
    const othersMayGoOn = await hasOthers(agentId, context)
    const assignments = claimed.map(async (one) => {
      const { sweepId, trial } = one
      const restore = one.restore === null ? undefined : await checkpointCopy(database, sweepId, trial, one.restore)
      const sweep = await sweepDefinition(database, sweepId)
      const areKept = keepsCheckpoints(sweep.document, othersMayGoOn, context)
      return assignmentOf(one, sweep, { restore, areKept }, attemptTokens)
    })
    return { assignments: await Promise.all(assignments) }
  } catch (error) {
    void giveBack(agentId, claimed, context)
    throw error
  }
}

/** Whether copies of the checkpoints of an attempt are to be made. */
function keepsCheckpoints(
  { kubernetes, launcher }: SweepDefinition['document'],
  othersMayGoOn: boolean,
  { settings }: ApiContext,
): boolean {
  const { checkpoints } = settings.objects
  if (checkpoints !== 'auto') return checkpoints === 'always'
  // What is in a pod goes with it, whoever runs the next one.
  const goesWithItsPod = launcher === 'kubernetes' && kubernetes?.checkpoints === undefined
  return goesWithItsPod || othersMayGoOn
}

/** An agent that is alone, and on the host of the server, can always read what it wrote itself. */
async function hasOthers(agentId: AgentId, { database, knownAgents, settings }: ApiContext): Promise<boolean> {
  if (settings.objects.checkpoints !== 'auto') return false
  const agent = await knownAgents.get(agentId)
  return agent?.host !== hostname() || hasOtherAgents(database, agentId)
}

/** Nobody looks at it; without one an error is made, with all of the stack, for every request there is. */
const GONE = 'the connection is closed'

/** Aborts when the connection of a request closes, which it also does after the whole reply was sent. */
function whenGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController()
  if (raw.destroyed) gone.abort(GONE)
  else raw.once('close', () => gone.abort(GONE))
  return gone.signal
}

/** Ends claims that nobody has heard of, so that the trials go back to the queue now and not when the lease runs out. */
async function giveBack(agentId: AgentId, claimed: readonly ClaimedAttempt[], context: ApiContext): Promise<void> {
  const { clock, database, log, notifier } = context
  const message = 'the agent was gone before it could be told'
  const ended = { at: clock.now(), cause: 'withdrawn' as const, message, exitCode: null, signal: null, seconds: 0 }
  const reports = claimed.map(({ attemptId, epoch }) => ({ attemptId, epoch, batches: [], samples: [], ended }))
  try {
    tellIngested(await ingestReports(database, agentId, reports), notifier)
    log.info({ agentId, attempts: claimed.map((one) => one.attemptId) }, 'unheard claims given back')
  } catch (error) {
    log.warn({ err: error, agentId }, 'unheard claims left to their leases')
  }
}

async function knownAgent(id: AgentId, { knownAgents }: ApiContext): Promise<AgentRecord> {
  const agent = await knownAgents.get(id)
  if (agent === undefined) throw noAgent(id)
  return agent
}

function noAgent(id: AgentId): SweepError {
  return new SweepError('not-found', `there is no agent ${id}`, { hint: 'List them with `sweep agent ls`.' })
}
