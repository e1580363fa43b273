import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody, FactOf, Verdict } from '@sweep/spec/facts'
import { isLive, type LiveAttempts, withLiveness } from './live-attempts.ts'
import { entries, insert, remove, type Tree } from './persistent/tree.ts'
import type { PruneDecision, Pruner } from './pruner.ts'

/** What a pruner that judges a trial by its reports has of its own: what it remembers, and its rule. */
export interface ReportRule<Memory, Settings> {
  readonly name: string
  init(settings: Settings, metric: Metric): Memory
  /** Folds one fact into the memory and returns the new one; the old one still stands. */
  remember(memory: Memory, fact: FactBody): Memory
  /** Why the trial of this report, which `memory` has already, is to stop; undefined when it goes on. */
  judge(memory: Memory, report: FactOf<'report'>): Verdict | undefined
}

export interface ReportPrunerState<Memory> {
  readonly memory: Memory
  readonly live: LiveAttempts
  /** Decisions that nobody has carried out yet, by trial. */
  readonly pending: Tree<PruneDecision>
}

/**
 * The pruner of a rule. The verdict falls when a report of a live attempt is folded, so it does not depend on how often
 * `decide` is called, and it stands until the attempt is asked to stop or ends.
 */
export function reportPruner<Memory, Settings>(
  rule: ReportRule<Memory, Settings>,
): Pruner<ReportPrunerState<Memory>, Settings> {
  return {
    name: rule.name,

    init: (settings, metric) => ({ memory: rule.init(settings, metric), live: undefined, pending: undefined }),

    tell(state, fact) {
      const next = remembering(state, rule.remember(state.memory, fact))
      if (fact.kind !== 'report') return withAttempt(next, fact)
      if (!isLive(next.live, fact.trial, fact.attempt)) return next
      const verdict = rule.judge(next.memory, fact)
      if (verdict === undefined) return next
      const decision: PruneDecision = { kind: 'prune', trial: fact.trial, attempt: fact.attempt, verdict }
      return { ...next, pending: insert(next.pending, fact.trial, 0, decision) }
    },

    decide: ({ pending }) => Array.from(entries(pending), ({ value }) => value),
  }
}

function remembering<Memory>(state: ReportPrunerState<Memory>, memory: Memory): ReportPrunerState<Memory> {
  return memory === state.memory ? state : { ...state, memory }
}

function withAttempt<Memory>(state: ReportPrunerState<Memory>, fact: FactBody): ReportPrunerState<Memory> {
  const live = withLiveness(state.live, fact)
  if (live === state.live || !('trial' in fact)) return state
  return { ...state, live, pending: remove(state.pending, fact.trial) }
}
