/**
 * The losses one trial reported, oldest first, as a value: `withReport` gives the next history and this one still stands.
 * Histories of one line share their lists and differ in length, so a report costs the same however many came before.
 *
 * A newer attempt's first report says where it took up: what older attempts reported from that step on is cut off, and
 * what they reported before it stays. A restart from nothing so replaces all, and one from a checkpoint goes on.
 */
export interface TrialHistory {
  /** The attempt that reported last. */
  readonly attempt: number
  readonly length: number
  /** Shared between histories; only the first `length` entries are this one's. */
  readonly steps: readonly number[]
  readonly losses: readonly number[]
}

export const emptyHistory: TrialHistory = { attempt: 0, length: 0, steps: [], losses: [] }

/** How many entries a report of `attempt` at `step` leaves standing: all of them unless it is a newer attempt's first. */
export function keptLength(history: TrialHistory, attempt: number, step: number): number {
  if (attempt === history.attempt) return history.length
  for (let i = 0; i < history.length; i += 1) if (history.steps[i]! >= step) return i
  return history.length
}

/** Adds one value. A report of an attempt older than the newest is not to be told here. */
export function withReport(history: TrialHistory, attempt: number, step: number, loss: number): TrialHistory {
  const kept = keptLength(history, attempt, step)
  const isNewest = kept > 0 && history.steps.length === kept
  const steps = isNewest ? (history.steps as number[]) : history.steps.slice(0, kept)
  const losses = isNewest ? (history.losses as number[]) : history.losses.slice(0, kept)
  steps.push(step)
  losses.push(loss)
  return { attempt, length: kept + 1, steps, losses }
}
