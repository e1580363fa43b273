import { Budget, type SweepDocument } from '@sweep/spec/document/sweep-document'
import type { FactOf } from '@sweep/spec/facts'

/** What may change while a sweep runs. Undefined means no limit. */
export interface SweepLimits {
  readonly parallelism: number | undefined
  readonly priority: number
  readonly budget: Budget
}

export function limitsOf({ parallelism, priority, budget }: SweepDocument): SweepLimits {
  return { parallelism, priority, budget }
}

/** The limits after a `change`: only what is named changes, and null lifts a limit. */
export function applyChanges(limits: SweepLimits, changes: FactOf<'control'>['changes'] = {}): SweepLimits {
  const { parallelism, priority, budget } = changes
  return {
    parallelism: limitAfter(limits.parallelism, parallelism),
    priority: typeof priority === 'number' ? priority : limits.priority,
    budget: Budget.parse(budgetAfter(limits.budget, budget)),
  }
}

function limitAfter(before: number | undefined, change: unknown): number | undefined {
  if (change === null) return undefined
  return typeof change === 'number' ? change : before
}

function budgetAfter(before: Budget, change: unknown): Budget {
  if (typeof change !== 'object' || change === null) return before
  const after: Record<string, unknown> = { ...before, ...change }
  return Object.fromEntries(Object.entries(after).filter(([, value]) => value !== null && value !== undefined))
}
