import { SweepError } from '@sweep/spec/errors'
import type { AgentId } from '@sweep/spec/ids'
import type { Heartbeat } from '@sweep/spec/wire/agent-protocol'
import type { Database } from '@sweep/store/database'
import { type BeatAnswer, heartbeats, type Renewal, unknownAgent } from '@sweep/store/heartbeats'

interface Waiting {
  readonly agentId: AgentId
  readonly beat: Heartbeat
  readonly resolve: (answer: BeatAnswer) => void
  readonly reject: (error: unknown) => void
}

/** As `IngestLine` does for reports: heartbeats that come while others are being stored are stored together, next. */
export class HeartbeatLine {
  readonly #database: Database
  readonly #renewal: Renewal
  #waiting: Waiting[] = []
  #isRunning = false

  constructor(database: Database, renewal: Renewal) {
    this.#database = database
    this.#renewal = renewal
  }

  /** @throws SweepError `not-found` for an agent that is not known */
  take(agentId: AgentId, beat: Heartbeat): Promise<BeatAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ agentId, beat, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      // An agent that gave up on an answer may ask again before its first is through.
      const agents = new Set<AgentId>()
      const batch: Waiting[] = []
      const later: Waiting[] = []
      for (const one of this.#waiting) {
        ;(agents.has(one.agentId) ? later : batch).push(one)
        agents.add(one.agentId)
      }
      this.#waiting = later
      await this.#store(batch)
    }
    this.#isRunning = false
  }

  async #store(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await heartbeats(this.#database, batch, this.#renewal)
      for (const [index, { agentId, resolve, reject }] of batch.entries()) {
        const answer = answers[index]
        if (answer === undefined) reject(unknownAgent(agentId))
        else resolve(answer)
      }
    } catch (error) {
      const isOurs = error instanceof SweepError && error.retryable
      if (batch.length === 1 || isOurs) for (const { reject } of batch) reject(error)
      // One of them may be to blame, and the others must not suffer for it.
      else for (const one of batch) await this.#store([one])
    }
  }
}
