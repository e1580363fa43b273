import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, Verdict } from '@sweep/spec/facts'

/** `by` of the facts that carry out a pruner's decision; replay recomputes those and no others. */
export const BY_PRUNER = 'pruner'

interface DecisionBase {
  readonly trial: number
  /** The trial's newest attempt. */
  readonly attempt: number
  readonly verdict: Verdict
}

/** A trial is not worth going on with: its attempt is to be stopped, or it is paused and will not be resumed. */
export interface PruneDecision extends DecisionBase {
  readonly kind: 'prune'
}

/** A running attempt is to be stopped at a checkpoint; the trial waits to be compared with others. */
export interface PauseDecision extends DecisionBase {
  readonly kind: 'pause'
}

/** A paused trial may go on as soon as there is room for it. */
export interface ResumeDecision extends DecisionBase {
  readonly kind: 'resume'
}

export type Decision = PruneDecision | PauseDecision | ResumeDecision

/**
 * Decides which trials go on and which do not. Pure, and quick: `tell` and `decide` cost at most the logarithm of what was
 * told before, for each decision.
 *
 * Values count as losses inside (negated when the goal is to maximise), verdicts show them as they were reported. What a
 * decision is about, and which fact carries it out, so that it is not given again; until then it stands:
 *
 * | decision | trial | carried out by | or overtaken by |
 * | --- | --- | --- | --- |
 * | pause | running | `stop-asked` with `paused` | any stop of the attempt, its end |
 * | prune | running | `stop-asked` with `pruned` | any stop of the attempt, its end |
 * | prune | paused | `stop-asked` with `pruned` | `trial-ended`, a person's `trial-requeued` |
 * | resume | paused | `trial-resumed` | `trial-ended`, a person's `trial-requeued` |
 *
 * Pauses and prunes are carried out at once. Resumes are offers: the planner takes as many as there is room for, from the
 * first on, before it issues a new trial.
 */
export interface Pruner<State, Settings> {
  readonly name: string
  init(settings: Settings, metric: Metric): State
  /** Folds one fact into the state and returns the new state; the old one still stands. */
  tell(state: State, fact: FactBody): State
  /** Pauses and prunes by trial number, then resumes with the most promising first. Never changes `state`. */
  decide(state: State): readonly Decision[]
}

/** A pruner with its state, whatever type that has; `tell` returns the next one and this one still stands. */
export interface PrunerRun {
  readonly name: string
  tell(fact: FactBody): PrunerRun
  decide(): readonly Decision[]
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

/** Splits decisions into what is carried out at once and what waits for room. */
export function isResume(decision: Decision): decision is ResumeDecision {
  return decision.kind === 'resume'
}
