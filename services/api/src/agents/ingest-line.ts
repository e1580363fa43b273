import type { AgentId, AttemptId, SweepId } from '@sweep/spec/ids'
import { bySweep, type ClaimResult } from '@sweep/store/attempts'
import type { Database } from '@sweep/store/database'
import { ingestParts, type PartIngested, type SweepPart, type TakePart } from '@sweep/store/reports'

/** Reports in one transaction, at most: a few milliseconds of statements. */
const MOST_REPORTS = 500

interface Waiting {
  readonly part: SweepPart
  readonly resolve: (ingested: PartIngested) => void
  readonly reject: (error: unknown) => void
}

/**
 * Lets what agents report and claim of one sweep wait for the transaction under way, and takes all that waits in the next.
 * Alone, a report is taken at once. With a thousand agents each transaction takes what came during the last, so a sweep takes
 * as many reports as come, however long a commit is on its way to the disk.
 */
export class IngestLine {
  readonly #database: Database
  readonly #waiting = new Map<SweepId, Waiting[]>()

  constructor(database: Database) {
    this.#database = database
  }

  readonly take: TakePart = (sweepId, part) =>
    new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(sweepId)
      waiting?.push({ part, resolve, reject })
      if (waiting !== undefined) return
      this.#waiting.set(sweepId, [{ part, resolve, reject }])
      void this.#run(sweepId)
    })

  /** One result per attempt, in no order; none for those that are gone, and `held` for an agent that was given up. */
  async claim(agentId: AgentId, leaseMs: number, attemptIds: readonly AttemptId[]): Promise<readonly ClaimResult[]> {
    const claims = bySweep(attemptIds).map(async ([sweepId, ids]) => {
      const { claims } = await this.take(sweepId, { agentId, reports: [], claim: { leaseMs, attemptIds: ids } })
      return claims
    })
    return (await Promise.all(claims)).flat()
  }

  async #run(sweepId: SweepId): Promise<void> {
    for (;;) {
      const waiting = this.#waiting.get(sweepId) ?? []
      const batch = firstOf(waiting)
      if (batch.length === 0) {
        this.#waiting.delete(sweepId)
        return
      }
      await this.#ingest(sweepId, batch)
    }
  }

  async #ingest(sweepId: SweepId, batch: readonly Waiting[]): Promise<void> {
    try {
      const ingested = await ingestParts(
        this.#database,
        sweepId,
        batch.map(({ part }) => part),
      )
      batch.forEach(({ resolve, reject }, index) => {
        const own = ingested[index]
        if (own === undefined) reject(new Error('a part was not answered'))
        else resolve(own)
      })
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error)
      // One of them may be to blame, and the others must not suffer for it.
      else for (const one of batch) await this.#ingest(sweepId, [one])
    }
  }
}

/** Takes the first out, up to the limit, but none that speaks of an attempt that an earlier one speaks of. */
function firstOf(waiting: Waiting[]): Waiting[] {
  const seen = new Set<string>()
  let reports = 0
  let count = 0
  for (const { part } of waiting) {
    const ids = [...part.reports.map((report) => report.attemptId), ...part.claim.attemptIds]
    reports += part.reports.length
    if (count > 0 && (reports > MOST_REPORTS || ids.some((id) => seen.has(id)))) break
    for (const id of ids) seen.add(id)
    count += 1
  }
  return waiting.splice(0, count)
}
