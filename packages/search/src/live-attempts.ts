import type { FactBody } from '@sweep/spec/facts'
import { find, insert, remove, type Tree } from './persistent/tree.ts'

/** Attempts that run and that nobody asked to stop, by trial: those a pruner may still decide on. */
export type LiveAttempts = Tree<number>

/** What a fact changes about that; the same value when it changes nothing. */
export function withLiveness(live: LiveAttempts, fact: FactBody): LiveAttempts {
  switch (fact.kind) {
    case 'attempt-started':
      return insert(live, fact.trial, 0, fact.attempt)
    case 'stop-asked':
    case 'attempt-ended':
      return isLive(live, fact.trial, fact.attempt) ? remove(live, fact.trial) : live
    default:
      return live
  }
}

export function isLive(live: LiveAttempts, trial: number, attempt: number): boolean {
  return find(live, trial) === attempt
}
