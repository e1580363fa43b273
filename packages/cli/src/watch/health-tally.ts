import type { FindingView } from '@sweep/spec/wire/health'

/** What the health rules say about the trials of a sweep at the moment, as a stream of changes tells it. */
export class HealthTally {
  readonly #open = new Map<string, FindingView>()

  /**
   * Takes findings as they come, change, or hold no more; the same ones may come again after the stream was cut.
   *
   * @returns those that were not there before
   */
  take(findings: readonly FindingView[]): FindingView[] {
    return findings.filter((finding) => {
      const key = JSON.stringify([finding.runId, finding.rule, finding.metric])
      const isNew = finding.clearedAt === null && !this.#open.has(key)
      if (finding.clearedAt === null) this.#open.set(key, finding)
      else this.#open.delete(key)
      return isNew
    })
  }

  get open(): readonly FindingView[] {
    return [...this.#open.values()]
  }

  of(trial: number): FindingView[] {
    return this.open.filter((finding) => finding.trial === trial)
  }
}
