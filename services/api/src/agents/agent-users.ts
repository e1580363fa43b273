import { createHmac } from 'node:crypto'
import { queueAway } from '@sweep/queue/queue-away'
import { type RedisConnection, redisConnection } from '@sweep/queue/redis-connection'
import type { RandomBytes } from '@sweep/spec/clock'
import type { AgentId } from '@sweep/spec/ids'
import { agentsAtWork } from '@sweep/store/agents'
import type { Database } from '@sweep/store/database'
import { settingOrInitial } from '@sweep/store/settings'
import type { Logger } from 'pino'
import type { ApiDependencies } from '../context.ts'
import type { ApiSettings } from '../settings.ts'

const USER = 'sweep-agent-'
const VISITOR = 'sweep-visitor-'
const LOOK_EVERY_MS = 60_000
const COMMAND_MS = 2000
/** What Redis says where it makes no users, now or later. */
const REFUSED = /NOPERM|unknown command/

/** What BullMQ needs, on the keys that are named besides; nothing that tells of other keys, or reaches them. */
const RIGHTS = [
  'resetchannels',
  '+@all',
  '-@admin',
  '-@dangerous',
  '+info',
  '-scan',
  '-randomkey',
  '-dbsize',
  '-swapdb',
]

export interface AgentUsersOptions {
  readonly database: Database
  /** Redis as this server reaches it, as a user who may make users. */
  readonly redisUrl: string
  /** Redis as agents reach it, without a user. */
  readonly agentRedisUrl: string
  readonly log: Logger
}

/** Where agents take tickets, unless all of them go by the user that is named in their address. */
export async function openAgentUsers(
  { agentRedisUrl, redisUrl }: Pick<ApiSettings, 'agentRedisUrl' | 'redisUrl'>,
  { database, log, randomBytes }: Pick<ApiDependencies, 'database' | 'log' | 'randomBytes'>,
): Promise<AgentUsers | undefined> {
  if (agentRedisUrl === undefined || redisUrl === undefined) return undefined
  const { username, password } = new URL(agentRedisUrl)
  if (username !== '' || password !== '') return undefined
  return AgentUsers.load({ database, redisUrl, agentRedisUrl, log }, randomBytes)
}

/**
 * A user of Redis (ACL) for every agent that takes tickets itself, who reaches the queues of this agent and nothing else,
 * and is gone soon after the agent.
 */
export class AgentUsers {
  readonly #options: AgentUsersOptions
  readonly #key: Buffer
  readonly #randomBytes: (count: number) => Buffer
  readonly #redis: RedisConnection
  readonly #timer: NodeJS.Timeout

  private constructor(options: AgentUsersOptions, key: Buffer, randomBytes: RandomBytes) {
    this.#options = options
    this.#randomBytes = (count) => Buffer.from(randomBytes(count))
    this.#key = key
    this.#redis = redisConnection(options.redisUrl, COMMAND_MS)
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  /** With the key of the passwords, which all services of one database share; the first one to start makes it. */
  static async load(options: AgentUsersOptions, randomBytes: RandomBytes): Promise<AgentUsers> {
    const fresh = Buffer.from(randomBytes(32)).toString('hex')
    const key = String(await settingOrInitial(options.database, 'agent-user-key', fresh))
    return new AgentUsers(options, Buffer.from(key, 'hex'), randomBytes)
  }

  /**
   * The address for an agent, the same each time, so that connections outlive a change of its queues. Undefined where
   * Redis makes no users for us: it is older than 6, or does not let us.
   * @param queueNames all that it may reach from now on
   * @throws SweepError `unavailable` while Redis is away
   */
  async addressFor(agentId: AgentId, queueNames: readonly string[]): Promise<string | undefined> {
    const { agentRedisUrl, log } = this.#options
    const url = new URL(agentRedisUrl)
    url.username = `${USER}${agentId}`
    url.password = createHmac('sha256', this.#key).update(agentId).digest('base64url')
    const keys = queueNames.map((name) => `~sweep:${name}:*`)
    try {
      await this.#acl('SETUSER', url.username, 'reset', 'on', `>${url.password}`, ...RIGHTS, ...keys)
      return url.href
    } catch (error) {
      log.warn({ err: error, agentId }, 'no user of Redis made for an agent, which claims over HTTP')
      if (REFUSED.test(String(error))) return undefined
      throw queueAway(this.#redis.name, error)
    }
  }

  /** Lets `work` go where agents go, as a user who may see that Redis is there and nothing in it. */
  async asVisitor<T>(work: (url: string) => Promise<T>): Promise<T | { readonly problem: string }> {
    const url = new URL(this.#options.agentRedisUrl)
    url.username = `${VISITOR}${this.#randomBytes(8).toString('hex')}`
    url.password = this.#randomBytes(32).toString('base64url')
    try {
      await this.#acl('SETUSER', url.username, 'reset', 'on', `>${url.password}`, '+ping', '+info')
    } catch (error) {
      return { problem: `no user can be made for agents: ${error instanceof Error ? error.message : error}` }
    }
    try {
      return await work(url.href)
    } finally {
      await this.#acl('DELUSER', url.username).catch(() => undefined)
    }
  }

  /** Removes the users of agents that are gone, which also breaks their connections. */
  async removeOld(): Promise<void> {
    const users = (await this.#acl('USERS')) as string[]
    const ours = users.filter((user) => user.startsWith(USER))
    if (ours.length === 0) return
    const atWork = new Set<string>(await agentsAtWork(this.#options.database))
    const old = ours.filter((user) => !atWork.has(user.slice(USER.length)))
    if (old.length > 0) await this.#acl('DELUSER', ...old)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#redis.client.disconnect()
  }

  async #acl(...command: readonly string[]): Promise<unknown> {
    await this.#redis.ready()
    return this.#redis.client.call('ACL', ...command)
  }

  async #look(): Promise<void> {
    try {
      await this.removeOld()
    } catch (error) {
      this.#options.log.debug({ err: error }, 'users of agents that are gone not looked for in Redis')
    }
  }
}
