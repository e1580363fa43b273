import type { Metric } from '@sweep/spec/document/sweep-document'
import type { FactOf } from '@sweep/spec/facts'
import { toLoss } from './loss.ts'
import { find, insert, type Tree } from './persistent/tree.ts'

/** What each trial has shown of the objectives after the first, by trial; nothing where there is one objective. */
export type SideLosses = Tree<readonly Side[]>

/** The loss that stands for one objective, and the attempt that reported it. */
interface Side {
  readonly attempt: number
  readonly loss: number
}

const NOT_REPORTED: Side = { attempt: 0, loss: Number.POSITIVE_INFINITY }

/**
 * Objectives after the first may be reported at steps of their own, or once at the start: what an attempt said stands until
 * it, or a newer one, says something else.
 */
export function withSide(before: SideLosses, fact: FactOf<'side-report'>, objectives: readonly Metric[]): SideLosses {
  const { trial, attempt, name, value } = fact
  const at = objectives.findIndex((objective, index) => index > 0 && objective.name === name) - 1
  if (at < 0) return before
  const objective = objectives[at + 1]!
  const sides = find(before, trial) ?? objectives.slice(1).map(() => NOT_REPORTED)
  const side = sides[at]!
  if (attempt < side.attempt) return before
  const loss = toLoss(value, objective)
  const isBestSoFar = objective.summary === 'best' && attempt === side.attempt && Number.isFinite(loss)
  const standing = { attempt, loss: isBestSoFar ? Math.min(side.loss, loss) : loss }
  return insert(before, trial, 0, sides.with(at, standing))
}

/** The losses of all objectives, as they stand at a report of the first; what was never reported counts as the worst. */
export function lossesAt(
  sides: SideLosses,
  trial: number,
  first: number,
  objectives: readonly Metric[],
): readonly number[] {
  const others = find(sides, trial) ?? objectives.slice(1).map(() => NOT_REPORTED)
  return [first, ...others.map(({ loss }) => loss)]
}
