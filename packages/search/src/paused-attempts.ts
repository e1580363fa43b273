import type { FactBody } from '@sweep/spec/facts'
import { find, insert, remove, type Tree } from './persistent/tree.ts'

/** The attempt that each paused trial ended with last, by trial: those a pruner may resume, or prune. */
export type PausedAttempts = Tree<number>

/** What a fact changes about that; the same value when it changes nothing. */
export function withPauses(paused: PausedAttempts, fact: FactBody): PausedAttempts {
  switch (fact.kind) {
    case 'attempt-ended':
      return fact.cause === 'paused' ? insert(paused, fact.trial, 0, fact.attempt) : paused
    case 'stop-asked':
    case 'trial-ended':
    case 'trial-requeued':
    case 'trial-resumed':
      return find(paused, fact.trial) === undefined ? paused : remove(paused, fact.trial)
    default:
      return paused
  }
}
