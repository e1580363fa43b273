import type { SweepId } from '@sweep/spec/ids'
import type { SweepState } from '@sweep/spec/sweep-state'
import type { Shape, Slot } from '@sweep/spec/wire/agent-protocol'

/** An agent that is alive and takes new work. Totals, not what is left of them. */
export interface AgentView {
  readonly name: string
  readonly queues: readonly string[]
  readonly launchers: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly slots: readonly Slot[]
  readonly cpus: number
  readonly memoryBytes: number
  /** Why it takes nothing now all the same, in words. */
  readonly blocked?: string | undefined
}

/** A sweep that is not over, whoever owns it. */
export interface SweepView {
  readonly id: SweepId
  readonly state: SweepState
  readonly queue: string
  readonly shape: Shape
  readonly launcher: string
  readonly priority: number
  readonly parallelism: number | undefined
  /** Attempts queued or running. */
  readonly outstanding: number
  /** Stride of the fair share: what was admitted so far, divided by the priority. Lower goes first. */
  readonly sharePass: number
  /** What only the owner knows; undefined for a sweep of another controller. */
  readonly own: OwnView | undefined
  /** For a sweep of another controller: whether room should be left for it. */
  readonly claimsRoom: boolean
}

export interface OwnView {
  /** Trials issued so far, and how many the budget allows. */
  readonly created: number
  readonly maxTrials: number | undefined
  /** A budget that has run out, in words. */
  readonly spent: string | undefined
  /** Set once a trial has reached the target of the metric, in words. */
  readonly targetReached: string | undefined
  /** Set while more trials have failed than may, in words. */
  readonly tooManyFailed: string | undefined
  /** The sampler has no further config. */
  readonly exhausted: boolean
  /** How many trials the sampler has places for now; Infinity where that depends on its space alone. */
  readonly places: number
  /** Everything this controller issued has been folded: the sampler may be asked again. */
  readonly settled: boolean
  readonly queued: number
  /** Trials put aside that may go on later, and how many of them may go on now. */
  readonly paused: number
  readonly resumable: number
  /** It was noted that no further trial will be issued. */
  readonly noMoreTrials: boolean
  /** Trial numbers whose running attempt nobody has asked to stop. */
  readonly stoppable: readonly number[]
  /** Those whose running attempt was not asked to be cancelled, which is quicker than every other stop. */
  readonly cancellable: readonly number[]
  /** Typical run time of an attempt, in seconds; undefined before the first has ended. */
  readonly attemptSeconds: number | undefined
  /** The sampler chooses by what trials reported, so each config is better chosen late. */
  readonly learns: boolean
  /** Attempts that ended per second lately, as this controller saw it. */
  readonly endsPerSecond: number
  /** The stored reason for waiting. */
  readonly waiting: string | undefined
}

/** All that `plan` looks at. */
export interface View {
  readonly agents: readonly AgentView[]
  readonly sweeps: readonly SweepView[]
}

/** Something to do; each is safe to repeat, because the store checks again under the sweep's lock. */
export type Action =
  | { readonly kind: 'resume-trials'; readonly sweepId: SweepId; readonly count: number }
  | { readonly kind: 'create-trials'; readonly sweepId: SweepId; readonly count: number }
  | { readonly kind: 'note-no-more-trials'; readonly sweepId: SweepId; readonly reason: string }
  | {
      readonly kind: 'ask-stop'
      readonly sweepId: SweepId
      readonly trials: readonly number[]
      readonly stop: 'budget' | 'cancelled'
      readonly reason: string
    }
  | { readonly kind: 'cancel-queued'; readonly sweepId: SweepId; readonly reason: string }
  | { readonly kind: 'stop-sweep'; readonly sweepId: SweepId; readonly reason: string }
  | { readonly kind: 'end-sweep'; readonly sweepId: SweepId; readonly reason: string }
  | { readonly kind: 'set-waiting'; readonly sweepId: SweepId; readonly reason: string | null }
