import type { StopReason } from '@sweep/spec/attempt'

/** When a program that is asked to stop gets which signal, in ms after `control.json` was written. */
export interface StopPlan {
  readonly termAfterMs: number
  readonly killAfterMs: number
}

/** Longest time a drained agent gives its programs: a preempted machine is gone after 30 s. */
export const DRAIN_MS = 25_000

/**
 * A program that reports through its metrics file is taken to look at `control.json` as well, and has its grace to stop
 * by itself; one that does not gets SIGTERM at once. Killing on request and running out of time don't wait either.
 */
export function stopPlan(reason: StopReason, readsControl: boolean, graceMs: number): StopPlan {
  if (reason === 'preempted') {
    const wholeMs = Math.min(graceMs, DRAIN_MS)
    return { termAfterMs: readsControl ? wholeMs / 2 : 0, killAfterMs: wholeMs }
  }
  const waits = readsControl && reason !== 'cancelled' && reason !== 'timeout'
  const termAfterMs = waits ? graceMs : 0
  return { termAfterMs, killAfterMs: termAfterMs + graceMs }
}
