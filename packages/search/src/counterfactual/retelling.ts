import type { EarlyTerminate, SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody } from '@sweep/spec/facts'
import { createSweepFold, foldFact, type SweepFold } from '../fold.ts'
import { recordedSampler } from './recorded-sampler.ts'

/** The facts that would have been recorded, one after the other, folded as the controller folds them. */
export class Retelling {
  readonly fold: SweepFold
  readonly #onFact: (fact: Fact) => void
  readonly #afterFact: () => void
  /** Milliseconds since 1970. */
  now = Number.NEGATIVE_INFINITY
  /** Number of the last fact of the record that was told. */
  lastRecorded = 0
  /** Number of the fact of the record that is being told; undefined while one is that the record does not have. */
  recordedSeq: number | undefined

  /** @param afterFact looks at what the pruner says after each fact */
  constructor(
    document: SweepDocument,
    earlyTerminate: EarlyTerminate | undefined,
    onFact: (fact: Fact) => void,
    afterFact: () => void,
  ) {
    this.fold = createSweepFold({ ...document, earlyTerminate })
    this.fold.sampler = recordedSampler
    this.#onFact = onFact
    this.#afterFact = afterFact
  }

  /** What the record says, with the numbers of attempts that it has here. */
  tellRecorded(body: FactBody, seq: number): void {
    this.lastRecorded = seq
    this.#tell(body, seq)
  }

  tell(body: FactBody): void {
    this.#tell(body, undefined)
  }

  tellPruned(trial: number, reason: string): void {
    this.tell({ kind: 'trial-ended', trial, state: 'pruned', value: null, reason })
  }

  #tell(body: FactBody, seq: number | undefined): void {
    const outer = this.recordedSeq
    this.recordedSeq = seq
    const fact: Fact = { ...body, seq: this.fold.foldedSeq + 1, at: new Date(this.now) }
    foldFact(this.fold, fact)
    this.#onFact(fact)
    this.#afterFact()
    this.recordedSeq = outer
  }
}
