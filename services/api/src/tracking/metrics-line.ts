import type { Database } from '@sweep/store/database'
import { type BatchResult, logMetrics, type RunBatch } from '@sweep/store/tracking/log-metrics'

/** Values in one transaction, at most: some tens of milliseconds of statements. */
const MOST_VALUES = 100_000
/** Transactions at a time: while one waits for the disk, the next is being made. */
const LINES = 3

interface Waiting {
  readonly batch: RunBatch
  readonly values: number
  readonly resolve: (result: BatchResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * Lets what is logged to runs wait for the transaction under way, and takes all that waits in the next: the disk is
 * waited for once for many writers. A run's batches always go through the same line, so they are taken in their order.
 */
export class MetricsLine {
  readonly #database: Database
  readonly #lines: (Waiting[] | undefined)[] = []

  constructor(database: Database) {
    this.#database = database
  }

  take(batch: RunBatch): Promise<BatchResult> {
    const values = batch.points.reduce((sum, point) => sum + Object.keys(point.values).length, 0)
    return new Promise((resolve, reject) => {
      const line = lineOf(batch.runId)
      const waiting = this.#lines[line]
      waiting?.push({ batch, values, resolve, reject })
      if (waiting !== undefined) return
      this.#lines[line] = [{ batch, values, resolve, reject }]
      void this.#run(line)
    })
  }

  async #run(line: number): Promise<void> {
    for (;;) {
      const some = firstOf(this.#lines[line] ?? [])
      if (some.length === 0) {
        this.#lines[line] = undefined
        return
      }
      await this.#store(some)
    }
  }

  async #store(some: readonly Waiting[]): Promise<void> {
    try {
      const results = await logMetrics(
        this.#database,
        some.map(({ batch }) => batch),
      )
      some.forEach(({ resolve, reject }, index) => {
        const own = results[index]
        if (own === undefined) reject(new Error('a batch was not answered'))
        else resolve(own)
      })
    } catch (error) {
      if (some.length === 1) some[0]?.reject(error)
      // One of them may be to blame, and the others must not suffer for it.
      else for (const one of some) await this.#store([one])
    }
  }
}

function lineOf(runId: string): number {
  let sum = 0
  for (const character of runId) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_003
  return sum % LINES
}

function firstOf(waiting: Waiting[]): Waiting[] {
  let values = 0
  let count = 0
  for (const one of waiting) {
    values += one.values
    if (count > 0 && values > MOST_VALUES) break
    count += 1
  }
  return waiting.splice(0, count)
}
