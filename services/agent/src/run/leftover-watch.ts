import type { AgentIdentity, Launcher } from '@sweep/launchers/launcher'
import { AttemptId } from '@sweep/spec/ids'
import type { AgentCondition } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { ServerApi } from '../server/server-api.ts'

/** Most that the server is asked of at once; the rest comes the next time. */
const MOST = 1000

export interface LeftoverWatchOptions {
  readonly agent: AgentIdentity
  readonly launchers: ReadonlyMap<string, Launcher>
  readonly api: Pick<ServerApi, 'over' | 'lostNamespaces'>
  /** It has looked where agents were lost, or could not; told again and again, also without a change. */
  readonly onLooked: (namespaces: NonNullable<AgentCondition['lostNamespaces']>) => void
  /** A steady clock, in ms. */
  readonly steady: () => number
  readonly log: Logger
}

/**
 * Ends what agents left behind that do not come back: their host is gone, or their home, so that nobody knows any more
 * that a container or Job was theirs. The server decides: it ends nothing whose attempt still has a lease, and nothing
 * of an attempt that the server does not know.
 */
export class LeftoverWatch {
  readonly #options: LeftoverWatchOptions
  #isLooking = false
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(options: LeftoverWatchOptions) {
    this.#options = options
  }

  /** The server answers. Looks once in each time that a lease lasts, since in less nothing is lost. */
  onContact(leaseMs: number): void {
    const now = this.#options.steady()
    if (this.#isLooking || now - this.#lookedAt < leaseMs) return
    this.#lookedAt = now
    this.#isLooking = true
    void this.#lookEverywhere().finally(() => {
      this.#isLooking = false
    })
  }

  async #lookEverywhere(): Promise<void> {
    const { launchers, log } = this.#options
    for (const launcher of launchers.values()) {
      try {
        const ended = await this.#look(launcher)
        if (ended.length > 0) log.warn({ launcher: launcher.name, attempts: ended }, 'leftovers of lost agents ended')
      } catch (error) {
        log.warn({ err: error, launcher: launcher.name }, 'no look for leftovers of lost agents')
      }
    }
  }

  async #look(launcher: Launcher): Promise<string[]> {
    const { agent, api } = this.#options
    if (launcher.ofOthers === undefined) return []
    const lost = launcher.isRemote ? await api.lostNamespaces() : []
    const { closed, leftovers } = await launcher.ofOthers(agent, lost)
    if (launcher.isRemote) this.#tell(lost, closed)
    const found = new Map(leftovers.map((leftover) => [keyOf(leftover.id, leftover.epoch), leftover] as const))
    const asked = [...found.values()].flatMap(({ id, epoch }) => {
      const attemptId = AttemptId.safeParse(id)
      return attemptId.success && Number.isInteger(epoch) ? [{ attemptId: attemptId.data, epoch }] : []
    })
    if (asked.length === 0) return []
    const ended: string[] = []
    for (const { attemptId, epoch } of await api.over(asked.slice(0, MOST))) {
      await found.get(keyOf(attemptId, epoch))?.end()
      ended.push(attemptId)
    }
    return ended
  }

  /** Where nobody may look, what is left stays until it ends by itself: people have to hear of it. */
  #tell(lost: readonly string[], closed: ReadonlyMap<string, string>): void {
    this.#options.onLooked(
      lost.map((namespace) => {
        const problem = closed.get(namespace)
        return problem === undefined ? { namespace } : { namespace, problem: problem.slice(0, 1000) }
      }),
    )
  }
}

function keyOf(id: string, epoch: number): string {
  return `${id} ${epoch}`
}
