import { SweepError } from '@sweep/spec/errors'
import type { AgentId } from '@sweep/spec/ids'
import { type AgentRecord, getAgent } from '@sweep/store/agents'
import type { Database } from '@sweep/store/database'
import type { EventHub } from '../events/event-hub.ts'

/** For a change whose notification was lost. */
const KEPT_MS = 1000

/**
 * What agents have registered with, kept for a second: one asks for work with every report. What must not be a second
 * old, such as whether it has been given up, the claim in the store looks at itself.
 */
export class KnownAgents {
  readonly #database: Database
  readonly #kept = new Map<AgentId, { readonly record: AgentRecord; readonly readAt: number }>()
  readonly #unsubscribe: () => void
  /** Counts changes, so that what was being read during one is not kept. */
  #changes = 0

  constructor(database: Database, hub: EventHub) {
    this.#database = database
    this.#unsubscribe = hub.on('agent_changed', () => {
      this.#changes += 1
      this.#kept.clear()
    })
  }

  async get(id: AgentId): Promise<AgentRecord | undefined> {
    const kept = this.#kept.get(id)
    const now = performance.now()
    if (kept !== undefined && now - kept.readAt < KEPT_MS) return kept.record
    const changes = this.#changes
    const record = await getAgent(this.#database, id)
    if (record === undefined || changes !== this.#changes) this.#kept.delete(id)
    else this.#kept.set(id, { record, readAt: now })
    return record
  }

  /** @throws SweepError `not-found` */
  async need(id: AgentId): Promise<AgentRecord> {
    const agent = await this.get(id)
    if (agent === undefined) throw noAgent(id)
    return agent
  }

  close(): void {
    this.#unsubscribe()
    this.#kept.clear()
  }
}

export function noAgent(id: AgentId): SweepError {
  return new SweepError('not-found', `there is no agent ${id}`, { hint: 'List them with `sweep agent ls`.' })
}
