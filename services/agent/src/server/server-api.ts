import { SweepError } from '@sweep/spec/errors'
import type { AgentId, AttemptId } from '@sweep/spec/ids'
import {
  type AgentCondition,
  AgentEvent,
  AgentRegistered,
  type AttemptReport,
  ClaimReply,
  FreeRuns,
  type Heartbeat,
  HeartbeatReply,
  type KeepArtifact,
  type KeepCheckpoint,
  Kept,
  Leftovers,
  LostNamespaces,
  QueueAccess,
  type RegisterAgent,
  type Reports,
  ReportsReply,
  type Room,
} from '@sweep/spec/wire/agent-protocol'
import { z } from 'zod'
import type { HttpClient } from './http-client.ts'

const CALL_MS = 20_000
const Done = z.object({})

/** The protocol of `spec/wire/agent-protocol.ts`, from the agent's side. */
export class ServerApi {
  readonly #http: HttpClient
  #path = '/agents/unregistered'

  constructor(http: HttpClient) {
    this.#http = http
  }

  async register(
    body: z.input<typeof RegisterAgent>,
    token: string | undefined,
    signal: AbortSignal,
  ): Promise<AgentRegistered> {
    this.#http.token = token
    const registered = await this.#http.post('/agents', body, AgentRegistered, { timeoutMs: CALL_MS, signal })
    this.use(registered.agentId, registered.token)
    return registered
  }

  use(agentId: AgentId, token: string): void {
    this.#path = `/agents/${agentId}`
    this.#http.token = token
  }

  claim(room: Room, max: number, waitMs: number, signal: AbortSignal): Promise<ClaimReply> {
    return this.#http.post(`${this.#path}/claim`, { room, max, waitMs }, ClaimReply, {
      timeoutMs: waitMs + CALL_MS,
      signal,
    })
  }

  /** Attempts whose tickets the agent took itself. */
  claimTickets(attempts: readonly AttemptId[]): Promise<ClaimReply> {
    return this.#http.post(`${this.#path}/claim-tickets`, { attempts }, ClaimReply, { timeoutMs: CALL_MS })
  }

  async tellCondition(condition: AgentCondition): Promise<void> {
    await this.#http.post(`${this.#path}/condition`, condition, Done, { timeoutMs: CALL_MS })
  }

  queueAccess(): Promise<QueueAccess> {
    return this.#http.post(`${this.#path}/queue-access`, {}, QueueAccess, { timeoutMs: CALL_MS })
  }

  /**
   * @param reports each as JSON of a `WireReport`, whose length the caller had to know
   * @param claim room that there is once these are taken
   */
  report(reports: readonly string[], claim?: RoomOffer): Promise<ReportsReply> {
    const rider = claim === undefined ? '' : `,"claim":${JSON.stringify(claim)}`
    const body = `{"attempts":[${reports.join(',')}]${rider}}`
    return this.#http.post(`${this.#path}/reports`, body, ReportsReply, { timeoutMs: CALL_MS })
  }

  keepArtifact(body: KeepArtifact): Promise<Kept> {
    return this.#http.post(`${this.#path}/artifacts`, body, Kept, { timeoutMs: CALL_MS })
  }

  keepCheckpoint(body: KeepCheckpoint): Promise<Kept> {
    return this.#http.post(`${this.#path}/checkpoints`, body, Kept, { timeoutMs: CALL_MS })
  }

  /** Those of the attempts whose run folders nothing needs any more. */
  async freeRuns(attempts: readonly AttemptId[]): Promise<readonly AttemptId[]> {
    return (await this.#http.post(`${this.#path}/free-runs`, { attempts }, FreeRuns, { timeoutMs: CALL_MS })).free
  }

  heartbeat(body: Heartbeat): Promise<HeartbeatReply> {
    return this.#http.post(`${this.#path}/heartbeat`, body, HeartbeatReply, { timeoutMs: CALL_MS })
  }

  /** Those that are over of the claims that something was found of. */
  async over(attempts: Leftovers['attempts']): Promise<Leftovers['attempts']> {
    return (await this.#http.post(`${this.#path}/leftovers`, { attempts }, Leftovers, { timeoutMs: CALL_MS })).attempts
  }

  /** Where in a cluster agents were lost; nowhere for a server from before it could say so. */
  async lostNamespaces(): Promise<readonly string[]> {
    try {
      return (await this.#http.post(`${this.#path}/lost-namespaces`, {}, LostNamespaces, { timeoutMs: CALL_MS }))
        .namespaces
    } catch (error) {
      if (error instanceof SweepError && error.code === 'not-found') return []
      throw error
    }
  }

  follow(
    onEvent: (event: AgentEvent) => void,
    options: { silenceMs: number; signal: AbortSignal; onOpen: () => void },
  ): Promise<void> {
    return this.#http.follow(
      `${this.#path}/stream`,
      (data) => {
        const event = AgentEvent.safeParse(parse(data))
        // An event that is not understood is one of a newer server; what matters comes with the heartbeat too.
        if (event.success) onEvent(event.data)
      },
      options,
    )
  }
}

/** Room that a report offers. */
export type RoomOffer = NonNullable<z.infer<typeof Reports>['claim']>

/** A report as it is sent: metric values that JSON can't spell are texts. */
export type WireReport = z.input<typeof AttemptReport>

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
