import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, Verdict } from '@sweep/spec/facts'

/** `by` of the `stop-asked` facts that carry out a pruner's decision; replay recomputes those and no others. */
export const BY_PRUNER = 'pruner'

/** A running attempt to be stopped, and why. Pausing and resuming decisions will be further kinds. */
export interface PruneDecision {
  readonly kind: 'prune'
  readonly trial: number
  readonly attempt: number
  readonly verdict: Verdict
}

/**
 * Decides which running trials do not go on. Pure, and quick: `tell` and `decide` cost at most the logarithm of what was
 * told before.
 *
 * Values count as losses inside (negated when the goal is to maximise), verdicts show them as they were reported. A
 * decision stands until a `stop-asked` or `attempt-ended` fact for its attempt is told; asked again before that, it is
 * given again, and after that never.
 */
export interface Pruner<State, Settings> {
  readonly name: string
  init(settings: Settings, metric: Metric): State
  /** Folds one fact into the state and returns the new state; the old one still stands. */
  tell(state: State, fact: FactBody): State
  /** Which running attempts to stop now, by trial number. Never changes `state`. */
  decide(state: State): readonly PruneDecision[]
}

/** A pruner with its state, whatever type that has; `tell` returns the next one and this one still stands. */
export interface PrunerRun {
  readonly name: string
  tell(fact: FactBody): PrunerRun
  decide(): readonly PruneDecision[]
}

export function startPruner<State, Settings>(
  pruner: Pruner<State, Settings>,
  settings: Settings,
  metric: Metric,
): PrunerRun {
  const at = (state: State): PrunerRun => {
    const run: PrunerRun = {
      name: pruner.name,
      tell: (fact) => {
        const next = pruner.tell(state, fact)
        return next === state ? run : at(next)
      },
      decide: () => pruner.decide(state),
    }
    return run
  }
  return at(pruner.init(settings, metric))
}
