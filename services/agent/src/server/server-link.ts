import { assertNever } from '@sweep/spec/assert-never'
import type { AttemptId } from '@sweep/spec/ids'
import type {
  AgentEvent,
  AgentQueue,
  AgentRegistered,
  AttemptStatus,
  Heartbeat,
  RegisterAgent,
} from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { z } from 'zod'
import type { AgentHome } from '../home/agent-home.ts'
import type { AgentSettings } from '../settings.ts'
import { ConditionReport } from './condition-report.ts'
import { Contact } from './contact.ts'
import { followDecisions } from './follow-decisions.ts'
import { HeartbeatLoop } from './heartbeat.ts'
import { HttpClient } from './http-client.ts'
import { ObjectTransfer } from './object-transfer.ts'
import { Registration } from './registration.ts'
import { ServerApi } from './server-api.ts'

export interface ServerLinkOptions {
  readonly settings: Pick<AgentSettings, 'url' | 'token'>
  readonly home: AgentHome
  /** What the agent says of itself when it registers. */
  readonly about: z.input<typeof RegisterAgent>
  /** What it says with every heartbeat. */
  readonly heartbeat: () => Heartbeat
  /** Whether a refusal is worth giving up for: what already runs here is worth more than a clear end. */
  readonly mayGiveUp: () => boolean
  /** The server does not want this agent, and `mayGiveUp`. */
  readonly onRefused: (error: unknown) => void
  /** Everything that runs here was granted so much time. */
  readonly onLease: (leaseMs: number) => void
  /** The network is cut, and what runs here will be somebody else's in `leftMs`. */
  readonly onCutOff: (leftMs: number) => void
  readonly onStatus: (status: AttemptStatus) => void
  readonly onStop: (stop: Extract<AgentEvent, { type: 'stop' }>) => void
  /** There are other ticket queues than before. */
  readonly onQueues: (queues: readonly AgentQueue[]) => void
  /** Somebody wants the agent to take no more. */
  readonly onDrain: () => void
  readonly random: () => number
  readonly log: Logger
}

/** The agent's standing with its server: who it is there, the leases it renews, and the decisions it is told. */
export class ServerLink {
  readonly api: ServerApi
  readonly objects: ObjectTransfer
  readonly condition: ConditionReport
  readonly #options: ServerLinkOptions
  readonly #http: HttpClient
  readonly #registration: Registration
  readonly #heartbeat: HeartbeatLoop
  readonly #contact: Contact
  readonly #closed = new AbortController()
  #leaseMs = 30_000
  #heartbeatMs = 5000

  constructor(options: ServerLinkOptions) {
    const { about, heartbeat, home, log, mayGiveUp, onCutOff, onDrain, onStatus, random, settings } = options
    this.#options = options
    this.#contact = new Contact({ url: settings.url, onCutOff })
    this.#http = new HttpClient(settings.url, settings.token)
    this.api = new ServerApi(this.#http)
    this.objects = new ObjectTransfer(this.#http)
    this.condition = new ConditionReport({ api: this.api, log })
    const common = { api: this.api, random, log, signal: this.#closed.signal }
    this.#registration = new Registration({ ...common, ...settings, home, about, mayGiveUp })
    this.#heartbeat = new HeartbeatLoop({
      ...common,
      everyMs: () => this.#heartbeatMs,
      body: heartbeat,
      onReply: (reply) => {
        this.#onLease()
        for (const status of reply.attempts) onStatus(status)
        if (reply.drain) onDrain()
      },
      onUnknown: async () => {
        await this.register()
      },
    })
  }

  /** See `Registration.register`. The agent's id, however long it takes; null when the link was closed meanwhile or the agent is not wanted. */
  async register(attempts?: readonly AttemptId[]): Promise<string | null> {
    let registered: AgentRegistered | null
    try {
      registered = await this.#registration.register(attempts)
    } catch (error) {
      this.#options.onRefused(error)
      return null
    }
    if (registered === null) return null
    this.#leaseMs = registered.leaseMs
    this.#heartbeatMs = registered.heartbeatMs
    this.condition.onRegistered()
    this.#onLease()
    return registered.agentId
  }

  /** Once registered: follows decisions and renews leases until closed. */
  run(): void {
    const { log, random } = this.#options
    const onEvent = (event: AgentEvent) => this.#onEvent(event)
    void followDecisions({ api: this.api, onEvent, random, log, signal: this.#closed.signal })
    void this.#heartbeat.run()
  }

  beatNow(): void {
    this.#heartbeat.now()
  }

  /** Why the agent's home does not say who it is; undefined when it does. */
  get unkept(): string | undefined {
    return this.#registration.unkept
  }

  /** Tries again to write down who the agent is. */
  keep(): void {
    this.#registration.keep()
  }

  close(): void {
    this.#closed.abort()
    this.#contact.close()
    this.#heartbeat.now()
    this.#http.close()
  }

  #onLease(): void {
    this.#contact.leaseGranted(this.#leaseMs)
    this.#options.onLease(this.#leaseMs)
    this.condition.onContact()
  }

  #onEvent(event: AgentEvent): void {
    switch (event.type) {
      case 'stop':
        this.#options.onStop(event)
        return
      case 'queues':
        this.#options.onQueues(event.queues)
        return
      case 'drain':
        this.#options.onDrain()
        return
      default:
        assertNever(event)
    }
  }
}
