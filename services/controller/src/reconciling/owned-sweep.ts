import { createSweepFold, foldFact, type SweepFold } from '@sweep/search/fold'
import { isResume, type ResumeDecision } from '@sweep/search/pruner'
import { learns, type SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactOf } from '@sweep/spec/facts'
import { type AttemptId, attemptId, attemptParts, type SweepId } from '@sweep/spec/ids'
import { queueName, shapeOf } from '@sweep/spec/queue-name'
import { isSweepOver } from '@sweep/spec/sweep-state'
import type { Shape } from '@sweep/spec/wire/agent-protocol'
import type { BudgetUse } from '@sweep/store/sweep-control'
import type { OwnView } from '../planning/view.ts'

const SHORT_PATIENCE_MS = 5
const LONG_PATIENCE_MS = 50
/** More than a pool of a few slots starts within the longer time. */
const MANY_QUEUED = 10

/** The rate at which attempts end is measured over at least this time. */
const RATE_MS = 500

/** Weight of the newest attempt in the typical run time. */
const SMOOTHING = 0.2

/** What a batch of facts means for the tickets of a sweep. */
export interface FoldedBatch {
  readonly facts: number
  /** Attempts that may be claimed and whose ticket is missing, was dropped while the claim was held, or is unknown. */
  readonly ticketsDue: readonly AttemptId[]
}

/**
 * One sweep, as its owner knows it: the fold of its facts, and a few numbers besides that cost the same whether 10 or
 * 10,000 trials came before.
 */
export class OwnedSweep {
  readonly id: SweepId
  readonly ownerEpoch: number
  readonly fold: SweepFold
  readonly queue: string
  readonly shape: Shape
  readonly launcher: SweepDocument['launcher']
  readonly queueName: string
  /** All stored facts were folded at least once; before that nothing may be decided. */
  isCaughtUp = false
  /** The sampler was asked for more than it had. */
  isExhausted = false
  sharePass = 0
  /** When the present reason for waiting was first seen, by this controller's clock. */
  waitingSince: { readonly reason: string | null; readonly at: number } | undefined
  budget: { readonly use: BudgetUse; readonly at: number } | undefined
  #attemptSeconds: number | undefined
  #rate: { readonly at: number; readonly perSecond: number } | undefined
  #endsSince = 0
  /** Attempts queued by this controller whose facts it has not folded; before that it must not decide on more. */
  readonly #unfolded = new Set<AttemptId>()
  /** Attempts whose ticket was added before their fact came by. */
  readonly #ticketed = new Set<AttemptId>()
  readonly #stoppable = new Set<number>()
  readonly #cancellable = new Set<number>()

  constructor(id: SweepId, ownerEpoch: number, document: SweepDocument) {
    this.id = id
    this.ownerEpoch = ownerEpoch
    this.fold = createSweepFold(document)
    this.queue = document.queue
    this.shape = shapeOf(document)
    this.launcher = document.launcher
    this.queueName = queueName(document.queue, this.shape, document.launcher)
  }

  get isOver(): boolean {
    return isSweepOver(this.fold.state)
  }

  /**
   * How long after the last fold its new facts may wait, in milliseconds: not at all when the pruner looks at reports
   * or a free slot may want the next trial; a little while there is something queued to start meanwhile.
   */
  get patienceMs(): number {
    const queued = this.fold.queued.size
    if (this.fold.pruner !== undefined || queued === 0) return 0
    return queued < MANY_QUEUED ? SHORT_PATIENCE_MS : LONG_PATIENCE_MS
  }

  /** Attempts queued or running, with those of trials whose facts have not come by yet. */
  get outstanding(): number {
    return this.fold.queued.size + this.fold.running.size + this.#unfolded.size
  }

  /** Folds facts in their order. */
  tell(facts: readonly Fact[]): FoldedBatch {
    const due = new Set<AttemptId>()
    let mayClaimMore = false
    for (const fact of facts) {
      if (fact.seq <= this.fold.foldedSeq) continue
      foldFact(this.fold, fact)
      switch (fact.kind) {
        case 'attempt-queued': {
          const id = attemptId(this.id, fact.trial, fact.attempt)
          this.#unfolded.delete(id)
          if (!this.#ticketed.delete(id)) due.add(id)
          break
        }
        case 'attempt-started':
          this.#stoppable.add(fact.trial)
          this.#cancellable.add(fact.trial)
          break
        case 'stop-asked':
          this.#stoppable.delete(fact.trial)
          if (fact.stop === 'cancelled') this.#cancellable.delete(fact.trial)
          break
        case 'attempt-ended':
          this.#stoppable.delete(fact.trial)
          this.#cancellable.delete(fact.trial)
          this.#timed(fact)
          // A claim at the limit of the parallelism is held, and its ticket is gone; now one more would pass.
          mayClaimMore ||= this.fold.limits.parallelism !== undefined
          break
        case 'control':
          // Tickets taken while the sweep was paused, or at a lower parallelism, are gone.
          mayClaimMore = true
          break
        default:
          break
      }
    }
    if (mayClaimMore) for (const id of this.#claimable()) due.add(id)
    return { facts: facts.length, ticketsDue: this.isCaughtUp ? [...due].filter((id) => this.#isQueued(id)) : [] }
  }

  /** Call after `createTrials` and `resumeTrials`: the facts of these attempts are on their way. */
  queued(attempts: readonly { readonly attemptId: AttemptId }[]): void {
    for (const { attemptId } of attempts) {
      const { trial, attempt } = attemptParts(attemptId)
      if ((this.fold.trials.get(trial)?.attempt?.number ?? 0) >= attempt) continue
      this.#unfolded.add(attemptId)
      this.#ticketed.add(attemptId)
    }
  }

  /** Paused trials that may go on as far as the facts folded tell, the most promising first. */
  get resumable(): readonly ResumeDecision[] {
    return this.fold.pruner?.decide().filter(isResume) ?? []
  }

  /** @param now by the controller's clock; views are made often, and rates measured from one to another */
  view(now: number): OwnView {
    this.#measureRate(now)
    const { fold } = this
    return {
      created: fold.trials.size,
      maxTrials: fold.limits.budget.trials,
      spent: this.#spent(now),
      targetReached: fold.targetReached ? targetText(fold.document) : undefined,
      tooManyFailed: failedText(fold),
      exhausted: this.isExhausted || this.#hasNoMore(),
      places: fold.sampler.places,
      settled: this.isCaughtUp && this.#unfolded.size === 0,
      queued: fold.queued.size,
      paused: fold.counts.paused,
      resumable: this.resumable.length,
      noMoreTrials: fold.noMoreTrials,
      stoppable: [...this.#stoppable],
      cancellable: [...this.#cancellable],
      attemptSeconds: this.#attemptSeconds,
      // With trials paused, which one goes on is better decided late too.
      learns: learns(fold.document.method) || fold.counts.paused > 0,
      endsPerSecond: this.#rate?.perSecond ?? 0,
      waiting: fold.waiting,
    }
  }

  /** Milliseconds until a budget of time runs out; undefined without one, or before the first attempt has started. */
  budgetLeftMs(): number | undefined {
    if (!this.budget) return undefined
    const { use } = this.budget
    const left: number[] = []
    if (use.limits.wallMs !== undefined && use.wallMs > 0) left.push(use.limits.wallMs - use.wallMs)
    if (use.limits.gpuSeconds !== undefined && use.gpus > 0) {
      left.push(((use.limits.gpuSeconds - use.gpuSeconds) / use.gpus) * 1000)
    }
    return left.length === 0 ? undefined : Math.max(0, Math.min(...left))
  }

  get hasTimedBudget(): boolean {
    const { wallMs, gpuSeconds } = this.fold.limits.budget
    return wallMs !== undefined || gpuSeconds !== undefined
  }

  #spent(now: number): string | undefined {
    const { wallMs, gpuSeconds } = this.fold.limits.budget
    if (!this.budget) return undefined
    const { use, at } = this.budget
    const since = Math.max(0, now - at)
    if (wallMs !== undefined && use.wallMs > 0 && use.wallMs + since >= wallMs) {
      return `its budget of ${wallMs / 1000} s of time is used up`
    }
    if (gpuSeconds !== undefined && use.gpuSeconds + (use.gpus * since) / 1000 >= gpuSeconds) {
      return `its budget of ${Number((gpuSeconds / 3600).toPrecision(4))} GPU-hours is used up`
    }
    return undefined
  }

  /** Asked only when nothing is outstanding, so that a sweep ends even while no agent is there to admit trials for. */
  #hasNoMore(): boolean {
    const isIdle = this.isCaughtUp && this.fold.state === 'running' && this.outstanding === 0
    return isIdle && this.fold.sampler.ask(1).suggestions.length === 0
  }

  #measureRate(now: number): void {
    const elapsed = this.#rate ? now - this.#rate.at : 0
    if (this.#rate && elapsed < RATE_MS) return
    // What ended before the first look was read from the past.
    this.#rate = { at: now, perSecond: elapsed > 0 ? (this.#endsSince * 1000) / elapsed : 0 }
    this.#endsSince = 0
  }

  #timed(fact: FactOf<'attempt-ended'>): void {
    this.#endsSince += 1
    if (fact.cause === 'withdrawn' || fact.cause === 'cancelled') return
    const before = this.#attemptSeconds ?? fact.seconds
    this.#attemptSeconds = before + SMOOTHING * (fact.seconds - before)
  }

  /** The queued attempts that a claim would get now, oldest trial first. */
  #claimable(): AttemptId[] {
    const { fold } = this
    if (fold.state !== 'running') return []
    let free = (fold.limits.parallelism ?? Number.POSITIVE_INFINITY) - fold.running.size
    const ids: AttemptId[] = []
    for (const trial of fold.queued.values()) {
      if (free < 1) break
      if (!trial.attempt) continue
      ids.push(attemptId(this.id, trial.number, trial.attempt.number))
      free -= 1
    }
    return ids
  }

  #isQueued(id: AttemptId): boolean {
    const { trial, attempt } = attemptParts(id)
    return this.fold.queued.get(trial)?.attempt?.number === attempt
  }
}

function targetText({ metric, replicates }: SweepDocument): string {
  const what = replicates === undefined ? 'a trial' : "the mean of a config's runs"
  return `${what} reached the target of ${metric?.target}`
}

function failedText({ document, counts }: SweepFold): string | undefined {
  const { maxFailedTrials } = document
  if (maxFailedTrials === undefined || counts.failed <= maxFailedTrials) return undefined
  const failed = counts.failed === 1 ? '1 trial has' : `${counts.failed} trials have`
  return `${failed} failed, and no more than ${maxFailedTrials} may (max_failed_trials)`
}
