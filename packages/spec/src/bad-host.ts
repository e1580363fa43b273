import { CAUSE_POLICY, type Cause } from './attempt.ts'
import type { SweepId } from './ids.ts'

/** A failure within this time of its start, in seconds, says that it could not even begin. */
export const FAST_SECONDS = 30
/** Configs that must have failed one after the other on a host before it counts as bad. */
export const BAD_CONFIGS = 3
/** Attempts of the sweep that must have got further on one other host before its failures here are held against this. */
const RAN_ELSEWHERE = 3
/** For each that failed fast there: a sweep with configs that fail anywhere says nothing of a host. */
const RAN_TO_FAILED = 9

/** An attempt that has ended on the host. */
export interface HostAttempt {
  readonly sweepId: SweepId
  readonly trial: number
  readonly cause: Cause
  readonly seconds: number
}

/** What has lately become of the attempts of one sweep on one other host. */
export interface Elsewhere {
  /** How many got further than a fast failure. */
  readonly ran: number
  readonly failedFast: number
}

export interface HostView {
  /** Newest first; only those whose cause `tellsOfHost`. */
  readonly lately: readonly HostAttempt[]
  readonly elsewhere: ReadonlyMap<SweepId, readonly Elsewhere[]>
  /** Another host takes the same trials, and is not drained. */
  readonly hasOthers: boolean
}

/** Causes by which programs fail that could not begin, be it for their config or for their host. */
export const FAST_FAILURES = ['user-error', 'bad-command', 'node-fault'] as const satisfies readonly Cause[]

/** Whether the end of an attempt tells how its host is: not when somebody or something else ended it. */
export function tellsOfHost(cause: Cause): boolean {
  return !(['cancelled', 'preempted', 'lost', 'withdrawn'] as readonly Cause[]).includes(cause)
}

export function failedFast({ cause, seconds }: Pick<HostAttempt, 'cause' | 'seconds'>): boolean {
  return cause === 'node-fault' || (FAST_FAILURES.some((one) => one === cause) && seconds <= FAST_SECONDS)
}

/**
 * Why a host should get no more trials, or undefined when it should. Different configs have failed fast on it one after
 * the other, and not for a fault of their sweep, which would fail everywhere. The last host is never given up.
 */
export function whyBadHost({ lately, elsewhere, hasOthers }: HostView): string | undefined {
  if (!hasOthers) return undefined
  const firstGood = lately.findIndex((attempt) => !failedFast(attempt))
  const row = firstGood === -1 ? lately : lately.slice(0, firstGood)
  const configs = new Map<string, HostAttempt>()
  for (const attempt of row) {
    if (isHeldAgainstHost(attempt, elsewhere.get(attempt.sweepId))) {
      configs.set(`${attempt.sweepId}/${attempt.trial}`, attempt)
    }
  }
  if (configs.size < BAD_CONFIGS) return undefined
  const causes = [...new Set([...configs.values()].map(({ cause }) => cause))]
  const says = causes.map((cause) => CAUSE_POLICY[cause].says).join(', or ')
  return `${configs.size} different configs in a row failed on it soon after their start (${says}), and run on other hosts`
}

function isHeldAgainstHost({ cause }: HostAttempt, elsewhere: readonly Elsewhere[] = []): boolean {
  // A fault that the agent itself saw needs no proof by others, only that they don't all see it too.
  if (cause === 'node-fault') return elsewhere.length === 0 || elsewhere.some(({ ran }) => ran > 0)
  return elsewhere.some(({ ran, failedFast: failed }) => ran >= RAN_ELSEWHERE && ran >= RAN_TO_FAILED * failed)
}
