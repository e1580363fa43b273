import type { AttemptRun } from './attempt-run.ts'

/** The runs of an agent, those included whose program is just being started. */
export class RunTable {
  readonly #runs = new Map<string, AttemptRun>()
  #starting = 0
  #onEmpty: (() => void)[] = []

  get all(): readonly AttemptRun[] {
    return [...this.#runs.values()]
  }

  get(id: string): AttemptRun | undefined {
    return this.#runs.get(id)
  }

  add(run: AttemptRun): void {
    if (!run.isGone) this.#runs.set(run.id, run)
  }

  delete(run: AttemptRun): void {
    this.#runs.delete(run.id)
    this.#look()
  }

  clear(): void {
    this.#runs.clear()
  }

  /** While this is under way the table is not empty. */
  async starting<T>(start: () => Promise<T>): Promise<T> {
    this.#starting += 1
    try {
      return await start()
    } finally {
      this.#starting -= 1
      this.#look()
    }
  }

  get isEmpty(): boolean {
    return this.#runs.size === 0 && this.#starting === 0
  }

  untilEmpty(): Promise<void> {
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve)
      this.#look()
    })
  }

  #look(): void {
    if (!this.isEmpty) return
    for (const resolve of this.#onEmpty.splice(0)) resolve()
  }
}
