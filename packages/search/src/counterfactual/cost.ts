import type { RecordedAttempt } from './recording.ts'

/** What trials took, in seconds of running, and of GPUs. */
export interface Cost {
  readonly seconds: number
  readonly gpuSeconds: number
}

/** Part of a recorded attempt, by the times of the record. */
export interface Span {
  readonly attempt: RecordedAttempt
  readonly from: number
  readonly to: number
}

export const NO_COST: Cost = { seconds: 0, gpuSeconds: 0 }

export function added(a: Cost, b: Cost): Cost {
  return { seconds: a.seconds + b.seconds, gpuSeconds: a.gpuSeconds + b.gpuSeconds }
}

export function scaled({ seconds, gpuSeconds }: Cost, factor: number): Cost {
  return { seconds: seconds * factor, gpuSeconds: gpuSeconds * factor }
}

/** Parts of attempts cost their share of the time between the start and the end of these; whole ones exactly theirs. */
export function costOf(spans: readonly Span[]): Cost {
  // Parts of one attempt first, so that those of a whole one add up to exactly 1.
  const played = new Map<RecordedAttempt, number>()
  for (const { attempt, from, to } of spans) played.set(attempt, (played.get(attempt) ?? 0) + (to - from))
  let total = NO_COST
  for (const [attempt, ms] of played) {
    const whole = attempt.endedAt - attempt.startedAt
    total = added(total, scaled(attempt, whole > 0 ? Math.min(1, ms / whole) : 1))
  }
  return total
}
