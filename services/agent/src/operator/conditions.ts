import { CONDITION_TYPES, type Condition } from './resource.ts'

export interface NewCondition {
  readonly status: Condition['status']
  /** One word. */
  readonly reason: string
  /** May be empty. */
  readonly message: string
}
export type Conditions = { readonly [type in Condition['type']]?: NewCondition }

/** More would not be read, and an object has a limit. */
const LONGEST_MESSAGE = 8000

/**
 * The conditions with some replaced. The time of a transition is that of the last change of `status`, as the API's
 * conventions have it.
 * @param now RFC 3339
 */
export function withConditions(
  before: readonly Condition[],
  changes: Conditions,
  generation: number,
  now: string,
): Condition[] {
  return CONDITION_TYPES.flatMap((type) => {
    const old = before.find((condition) => condition.type === type)
    const change = changes[type]
    if (change === undefined) return old === undefined ? [] : [old]
    const lastTransitionTime = old?.status === change.status ? old.lastTransitionTime : now
    const { status, reason } = change
    const message = change.message === '' ? {} : { message: shortened(change.message, LONGEST_MESSAGE) }
    return [{ type, status, reason, ...message, observedGeneration: generation, lastTransitionTime }]
  })
}

/** Without cutting a character that takes two units in half. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text
  return `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
