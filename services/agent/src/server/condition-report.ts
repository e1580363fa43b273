import { SweepError } from '@sweep/spec/errors'
import { AgentCondition } from '@sweep/spec/wire/agent-protocol'
import type { Logger } from 'pino'
import type { ServerApi } from './server-api.ts'

export interface ConditionReportOptions {
  readonly api: Pick<ServerApi, 'tellCondition'>
  readonly log: Logger
}

/** Tells the server how the agent works, whenever that has changed, until the server has it. */
export class ConditionReport {
  readonly #options: ConditionReportOptions
  #condition: AgentCondition = { claims: 'http' }
  /** What the server has, or does not want to have. */
  #told: AgentCondition | undefined
  #isRegistered = false
  #isTelling = false

  constructor(options: ConditionReportOptions) {
    this.#options = options
  }

  /** @param change parts that replace those of before; one that is undefined is over */
  change(change: { readonly [K in keyof AgentCondition]?: AgentCondition[K] | undefined }): void {
    const condition = AgentCondition.parse({ ...this.#condition, ...change })
    if (JSON.stringify(condition) === JSON.stringify(this.#condition)) return
    this.#condition = condition
    void this.#tell()
  }

  /** Whoever registers is asked anew. */
  onRegistered(): void {
    this.#isRegistered = true
    this.#told = undefined
    void this.#tell()
  }

  /** The server answers: what it did not take can be told again. */
  onContact(): void {
    void this.#tell()
  }

  async #tell(): Promise<void> {
    if (this.#isTelling || !this.#isRegistered) return
    this.#isTelling = true
    const { api, log } = this.#options
    try {
      while (this.#told !== this.#condition) {
        const telling = this.#condition
        await api.tellCondition(telling)
        this.#told = telling
      }
    } catch (error) {
      // A server from before there was such a thing; or one that does not know us any more, where we register again.
      if (error instanceof SweepError && error.code === 'not-found') this.#isRegistered = false
      else log.debug({ err: error }, 'condition of the agent not told yet')
    } finally {
      this.#isTelling = false
    }
  }
}
