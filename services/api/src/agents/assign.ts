import { hostname } from 'node:os'
import type { AgentId } from '@sweep/spec/ids'
import type { ClaimReply } from '@sweep/spec/wire/agent-protocol'
import { hasOtherAgents } from '@sweep/store/agents'
import type { ClaimedAttempt } from '@sweep/store/attempts'
import { checkpointCopy } from '@sweep/store/checkpoints'
import { type Ingested, ingestReports } from '@sweep/store/reports'
import { type SweepDefinition, sweepDefinition } from '@sweep/store/sweeps'
import type { FastifyReply } from 'fastify'
import type { ApiContext } from '../context.ts'
import type { Notifier } from '../events/notifier.ts'
import { assignmentOf } from './assignment.ts'

/** What an agent needs to run what it has claimed; given back when the reply does not get through. */
export async function assign(
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
export function whenGone({ raw }: FastifyReply): AbortSignal {
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

export function tellIngested({ sweepIds, queued }: Pick<Ingested, 'sweepIds' | 'queued'>, notifier: Notifier): void {
  notifier.tell('sweep_changed', sweepIds)
  notifier.tell(
    'attempts_queued',
    queued.map((attempt) => attempt.queueName),
  )
}
