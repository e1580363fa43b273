import { SweepError } from '@sweep/spec/errors'
import type { AttemptId } from '@sweep/spec/ids'
import type { AgentRegistered, RegisterAgent } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { z } from 'zod'
import type { AgentHome, Identity } from '../home/agent-home.ts'
import { Backoff } from './backoff.ts'
import type { ServerApi } from './server-api.ts'

export interface RegistrationOptions {
  readonly api: ServerApi
  readonly home: AgentHome
  readonly url: string
  /** A user's or a join token; an agent that has registered before goes by its own. */
  readonly token: string | undefined
  /** What the agent says of itself. */
  readonly about: z.input<typeof RegisterAgent>
  readonly random: () => number
  readonly log: Logger
  /** Whether a refusal is worth giving up for: what already runs here is worth more than a clear end. */
  readonly mayGiveUp: () => boolean
  readonly signal: AbortSignal
}

/** Makes the agent known to its server, under the id it had before if it had one. */
export class Registration {
  readonly #options: RegistrationOptions
  readonly #backoff: Backoff
  #identity: Identity | null
  #unkept: string | undefined

  constructor(options: RegistrationOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.random)
    this.#identity = options.home.identity(options.url)
  }

  /**
   * Registers, for as long as it takes; null when the agent was closed meanwhile.
   * @param attempts what it has taken over, when it has just been started
   * @throws SweepError when the server does not want it
   */
  async register(attempts?: readonly AttemptId[]): Promise<AgentRegistered | null> {
    const { about, log, mayGiveUp, signal, url } = this.#options
    while (!signal.aborted) {
      try {
        const registered = await this.#registerOnce(attempts)
        this.#identity = { agentId: registered.agentId, token: registered.token, url }
        this.keep()
        this.#backoff.reset()
        log.info({ agentId: registered.agentId, slots: about.slots.length, url }, 'agent registered')
        return registered
      } catch (error) {
        if (signal.aborted) return null
        const isFinal = error instanceof SweepError && !error.retryable && error.code !== 'internal'
        if (isFinal && mayGiveUp()) throw error
        log.warn({ err: error, url }, 'not registered yet')
        await this.#backoff.wait(signal)
      }
    }
    return null
  }

  /** Why the agent's home does not say who it is; undefined when it does. */
  get unkept(): string | undefined {
    return this.#unkept
  }

  /** Writes down who the agent is: without that a restart begins as another, and what ran here is lost. */
  keep(): void {
    const { home, log } = this.#options
    if (this.#identity === null) return
    try {
      home.keepIdentity(this.#identity)
      this.#unkept = undefined
    } catch (error) {
      // Tried every second: once is enough to say so.
      if (this.#unkept === undefined) log.warn({ err: error }, 'identity of the agent not kept')
      this.#unkept = `the folder of the agent can't be written to: ${(error as Error).message}`
    }
  }

  async #registerOnce(attempts: readonly AttemptId[] | undefined): Promise<AgentRegistered> {
    const { about, api, signal, token } = this.#options
    const identity = this.#identity
    if (identity === null) return api.register(about, token, signal)
    const own = { ...about, agentId: identity.agentId, ...(attempts === undefined ? {} : { attempts: [...attempts] }) }
    try {
      return await api.register(own, identity.token, signal)
    } catch (error) {
      const isUnknown =
        error instanceof SweepError && ['unauthenticated', 'forbidden', 'not-found'].includes(error.code)
      if (!isUnknown || token === undefined) throw error
      // The server has forgotten us. Join anew, under the old id if the token may.
      return await api.register(own, token, signal)
    }
  }
}
