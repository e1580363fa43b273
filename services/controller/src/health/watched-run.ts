import { type RunAims, RunWatch } from '@sweep/analysis/health/run-watch'
import type { HealthFinding } from '@sweep/spec/health'
import type { NewBatch, PackedPoints } from '@sweep/store/health/watched-points'
import type { WatchedRun } from '@sweep/store/health/watched-runs'

/** Findings that stay the same are written down again this often, for their figures. */
const REFRESH_MS = 60_000

/** One run as it is known here: how far its points were read, and what they came to. */
export class KnownRun {
  readonly #watch: RunWatch
  /** By attempt key, the number of the first batch that was not read yet. */
  readonly #next = new Map<number, number>()
  readonly aims: RunAims
  #written: { readonly signature: string; readonly at: number } | undefined
  /** Attempt that it has asked to stop. */
  stopAsked: number | null = null

  constructor(aims: RunAims) {
    this.aims = aims
    this.#watch = new RunWatch(aims)
  }

  /** Where to read on. */
  from({ sources }: WatchedRun): { readonly attemptKey: number; readonly first: number }[] {
    return sources.map(({ attemptKey }) => ({ attemptKey, first: this.#next.get(attemptKey) ?? 0 }))
  }

  hasNews({ sources }: WatchedRun): boolean {
    return sources.some(({ attemptKey, batches }) => batches > (this.#next.get(attemptKey) ?? 0))
  }

  /** Takes packed points and then new batches, both of all sources in their order. */
  take(
    run: WatchedRun,
    packed: readonly PackedPoints[],
    batches: readonly NewBatch[],
    names: ReadonlyMap<number, string>,
  ): void {
    for (const { attemptKey, batches: count } of run.sources) {
      const isFurther = !this.#next.has(attemptKey) && this.#next.size > 0
      const columns = packed.filter((one) => one.attemptKey === attemptKey)
      const lines = batches.filter((one) => one.attemptKey === attemptKey)
      if (isFurther && columns.length + lines.length > 0) this.#watch.nextAttempt()
      for (const { nameId, column } of columns) {
        const name = names.get(nameId)
        if (name === undefined) continue
        column.values.forEach((value, at) => {
          this.#watch.take(name, column.steps[at] ?? 0, column.times[at] ?? 0, value)
        })
      }
      for (const line of lines.flatMap((batch) => batch.lines())) {
        for (const { nameId, value } of line.values) {
          const name = names.get(nameId)
          if (name !== undefined) this.#watch.take(name, line.step, line.at, value)
        }
      }
      const read = (lines.at(-1)?.batch ?? -1) + 1
      if (count > 0 || read > 0) this.#next.set(attemptKey, Math.max(count, read, this.#next.get(attemptKey) ?? 0))
    }
  }

  findings(): HealthFinding[] {
    return this.#watch.findings()
  }

  /** Whether the store has older ones; what is returned true for counts as written. */
  mustWrite(findings: readonly HealthFinding[], now: number): boolean {
    const signature = findings.map(({ rule, metric, severity }) => JSON.stringify([rule, metric, severity])).join()
    const written = this.#written
    const isSame = written?.signature === signature
    if (isSame && (signature === '' || now - written.at < REFRESH_MS)) return false
    this.#written = { signature, at: now }
    return true
  }
}

/** Whether batches that were not read yet have been packed in the meantime, so that its points must be read anew. */
export function isTorn(run: WatchedRun, known: KnownRun, batches: readonly NewBatch[]): boolean {
  const froms = known.from(run)
  return run.sources.some(({ attemptKey, batches: count }, index) => {
    const first = froms[index]?.first ?? 0
    return count > first && batches.find((batch) => batch.attemptKey === attemptKey)?.batch !== first
  })
}
