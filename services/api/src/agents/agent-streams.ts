import type { AgentId } from '@sweep/spec/ids'
import type { AgentEvent } from '@sweep/spec/wire/agent-protocol'
import { getAgent, pendingStops } from '@sweep/store/agents'
import type { Database } from '@sweep/store/database'
import type { Logger } from 'pino'
import type { EventHub } from '../events/event-hub.ts'
import type { SseStream } from '../events/sse.ts'
import type { AgentQueues } from './agent-queues.ts'
import type { AgentUsers } from './agent-users.ts'

interface Open {
  readonly stream: SseStream
  /** What this stream has been told, so that it hears each thing once. */
  readonly told: Set<string>
  /** The queues that it was told of last. */
  queues: string
}

export interface AgentStreamsOptions {
  readonly database: Database
  readonly hub: EventHub
  /** What agents are told of; absent where they take no tickets themselves. */
  readonly queues: AgentQueues | undefined
  /** Who they are in Redis, where each has a user of its own. */
  readonly users: AgentUsers | undefined
  readonly log: Logger
}

/** Pushes decisions to the agents as soon as they are stored. What is lost on the way comes with the next heartbeat. */
export class AgentStreams {
  readonly #database: Database
  readonly #queues: AgentQueues | undefined
  readonly #users: AgentUsers | undefined
  readonly #log: Logger
  readonly #open = new Map<AgentId, Set<Open>>()
  readonly #unsubscribe: readonly (() => void)[]

  constructor({ database, hub, queues, users, log }: AgentStreamsOptions) {
    this.#database = database
    this.#queues = queues
    this.#users = users
    this.#log = log
    this.#unsubscribe = [
      hub.on('attempt_stop', (agentId) => this.#onChange(agentId, (id) => this.#tellStops(id))),
      hub.on('agent_changed', (agentId) => this.#onChange(agentId, (id) => this.#tellDrain(id))),
      hub.on('attempts_queued', (name) => this.#onQueued(name)),
    ]
  }

  add(agentId: AgentId, stream: SseStream): void {
    const open: Open = { stream, told: new Set(), queues: '' }
    const streams = this.#open.get(agentId) ?? new Set()
    streams.add(open)
    this.#open.set(agentId, streams)
    stream.ended.addEventListener('abort', () => {
      streams.delete(open)
      if (streams.size === 0 && this.#open.get(agentId) === streams) this.#open.delete(agentId)
    })
    // What was decided while nobody listened.
    this.#run(this.#tellStops(agentId))
    this.#run(this.#tellDrain(agentId))
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    for (const streams of this.#open.values()) for (const { stream } of streams) stream.close()
  }

  #onChange(agentId: string | undefined, tell: (id: AgentId) => Promise<void>): void {
    for (const id of this.#open.keys()) if (agentId === undefined || agentId === id) this.#run(tell(id))
  }

  #onQueued(name: string | undefined): void {
    if (this.#queues === undefined || this.#open.size === 0) return
    if (name !== undefined && this.#queues.has(name)) return
    this.#run(this.#tellQueues(this.#queues))
  }

  #run(telling: Promise<void>): void {
    telling.catch((error: unknown) => this.#log.warn({ err: error }, 'agent not told'))
  }

  async #tellStops(agentId: AgentId): Promise<void> {
    for (const stop of await pendingStops(this.#database, agentId)) {
      this.#tell(agentId, stop, `${stop.attemptId} ${stop.epoch} ${stop.reason}`)
    }
  }

  async #tellDrain(agentId: AgentId): Promise<void> {
    const agent = await getAgent(this.#database, agentId)
    if (agent?.state === 'draining') this.#tell(agentId, { type: 'drain' }, 'drain')
  }

  async #tellQueues(book: AgentQueues): Promise<void> {
    await book.read()
    for (const [agentId, streams] of this.#open) {
      const agent = await getAgent(this.#database, agentId)
      if (agent === undefined) continue
      const data = { type: 'queues', queues: book.of(agent) } as const
      const names = data.queues.map((queue) => queue.name)
      const key = names.join()
      if ([...streams].every((open) => open.queues === key)) continue
      // Before it hears of them: what it may not reach would look to it like a Redis that is away.
      await this.#users?.addressFor(agentId, names)
      for (const open of streams) {
        if (open.queues === key) continue
        open.queues = key
        open.stream.send([{ event: data.type, data }])
      }
    }
  }

  #tell(agentId: AgentId, event: AgentEvent, key: string): void {
    for (const { stream, told } of this.#open.get(agentId) ?? []) {
      if (told.has(key)) continue
      told.add(key)
      stream.send([{ event: event.type, data: event }])
    }
  }
}
