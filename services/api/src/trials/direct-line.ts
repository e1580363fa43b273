import { SweepError } from '@sweep/spec/errors'
import { attemptParts } from '@sweep/spec/ids'
import type { DirectPoints } from '@sweep/store/attempt-ingest'
import type { IngestLine } from '../agents/ingest-line.ts'
import type { Principal } from '../auth/principal.ts'
import type { Notifier } from '../events/notifier.ts'

/** Requests of one attempt in one transaction, at most. */
const MOST_REQUESTS = 100

type TrialPrincipal = Extract<Principal, { readonly kind: 'trial' }>

interface Waiting {
  readonly points: DirectPoints
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Takes what the programs of attempts send themselves the way that the reports of their agents go, so it counts as such.
 * Of each attempt one transaction is under way; what comes meanwhile goes into the next, in the order it came.
 */
export class DirectLine {
  readonly #ingestLine: IngestLine
  readonly #notifier: Notifier
  /** By attempt and epoch. */
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(ingestLine: IngestLine, notifier: Notifier) {
    this.#ingestLine = ingestLine
    this.#notifier = notifier
  }

  /** Returns once the points are stored. Throws `fenced` when the attempt does not run any more. */
  take(trial: TrialPrincipal, points: DirectPoints): Promise<void> {
    return new Promise((resolve, reject) => {
      const key = `${trial.attemptId}/${trial.epoch}`
      const waiting = this.#waiting.get(key)
      waiting?.push({ points, resolve, reject })
      if (waiting !== undefined) return
      this.#waiting.set(key, [{ points, resolve, reject }])
      void this.#run(key, trial)
    })
  }

  async #run(key: string, trial: TrialPrincipal): Promise<void> {
    for (;;) {
      const some = (this.#waiting.get(key) ?? []).splice(0, MOST_REQUESTS)
      if (some.length === 0) {
        this.#waiting.delete(key)
        return
      }
      try {
        await this.#send(
          trial,
          some.map(({ points }) => points),
        )
        for (const { resolve } of some) resolve()
      } catch (error) {
        for (const { reject } of some) reject(error)
      }
    }
  }

  async #send({ attemptId, epoch, agentId }: TrialPrincipal, direct: readonly DirectPoints[]): Promise<void> {
    const { sweepId } = attemptParts(attemptId)
    const report = { attemptId, epoch, batches: [], samples: [], direct }
    const part = { agentId, reports: [report], claim: { leaseMs: 0, attemptIds: [] } }
    const { statuses, changed, queued } = await this.#ingestLine.take(sweepId, part)
    if (changed) this.#notifier.tell('sweep_changed', [sweepId])
    // Ends of others that the transaction took along.
    if (queued.length > 0) {
      this.#notifier.tell(
        'attempts_queued',
        queued.map((attempt) => attempt.queueName),
      )
    }
    if (statuses[0]?.status === 'ok') return
    throw new SweepError('fenced', `attempt ${attemptId} does not run any more, so nothing is taken of it`)
  }
}
