import { type RedisConnection, redisConnection } from '@sweep/queue/redis-connection'
import type { AgentQueueCheck } from '@sweep/spec/wire/api'
import type { ApiSettings } from '../settings.ts'
import type { AgentUsers } from './agent-users.ts'

const COMMAND_MS = 2000
const OTHER = 'it is another Redis than the one that the server puts tickets into'

/** Whether the Redis that agents are told of answers, lets them in, and is the one that the tickets are in. */
export async function checkAgentQueue(
  { agentRedisUrl, redisUrl }: Pick<ApiSettings, 'agentRedisUrl' | 'redisUrl'>,
  users: AgentUsers | undefined,
): Promise<AgentQueueCheck> {
  if (agentRedisUrl === undefined || redisUrl === undefined) return { status: 'not-offered' }
  const address = new URL(agentRedisUrl).host
  const failed = (problem: string) => ({ status: 'failed' as const, address, problem })
  const own = await serverOf(redisUrl)
  if ('problem' in own) return failed(`the server's own Redis does not answer: ${own.problem}`)
  const look = (url: string) => serverOf(url)
  const theirs = users === undefined ? await look(agentRedisUrl) : await users.asVisitor(look)
  // The visitor was made a moment ago where the server goes.
  if ('problem' in theirs)
    return failed(users !== undefined && theirs.problem.includes('WRONGPASS') ? OTHER : theirs.problem)
  if (theirs.runId !== own.runId) return failed(OTHER)
  return { status: 'ok', address }
}

/** Which run of which server answers there. */
async function serverOf(url: string): Promise<{ readonly runId: string | undefined } | { readonly problem: string }> {
  const redis = redisConnection(url, COMMAND_MS)
  try {
    await redis.ready()
    return { runId: await runId(redis) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  } finally {
    redis.client.disconnect()
  }
}

async function runId({ client }: RedisConnection): Promise<string | undefined> {
  return /^run_id:(\w+)/m.exec(await client.info('server'))?.[1]
}
