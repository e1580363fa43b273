import { queueName, queueNameOf, shapeKey } from '@sweep/spec/queue-name'
import type { AgentQueue } from '@sweep/spec/wire/agent-protocol'
import type { Database } from '@sweep/store/database'
import { loadPoolSweeps } from '@sweep/store/pool'
import { newTicketLine, type Served, serves, type TicketLine } from './ticket-line.ts'

/** Which ticket queues there are, for agents that take tickets themselves: a queue's name alone does not say its shape. */
export class AgentQueues {
  readonly #database: Database
  #lines: ReadonlyMap<string, TicketLine> = new Map()

  constructor(database: Database) {
    this.#database = database
  }

  has(name: string): boolean {
    return this.#lines.has(name)
  }

  /** Reads which queues the sweeps have that are not over. */
  async read(): Promise<void> {
    const lines = new Map<string, TicketLine>()
    for (const { launcher, queue, shape } of await loadPoolSweeps(this.#database)) {
      const name = queueName(queue, shape, launcher)
      lines.set(name, newTicketLine({ name, queue, shape, launcher }))
    }
    this.#lines = lines
  }

  /** Those that an agent may serve, with the plain ones of its pools, so that their first sweep finds it waiting. */
  of(agent: Served): AgentQueue[] {
    const plain = agent.queues.flatMap((queue) =>
      agent.launchers.map((launcher) => ({
        name: queueNameOf(queue, shapeKey({}), launcher),
        shape: {},
      })),
    )
    const others = [...this.#lines.values()].filter((line) => serves(agent, line))
    const all = new Map([...plain, ...others].map(({ name, shape }) => [name, { name, shape }]))
    return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}
