import type { TrialState } from '@sweep/spec/trial'

export interface TimedTrial {
  readonly number: number
  readonly state: TrialState
  /** Milliseconds since 1970; null for a trial that has not started. */
  readonly startedMs: number | null
  readonly endedMs: number | null
}

export interface Timeline {
  readonly bars: readonly {
    readonly trial: number
    readonly state: TrialState
    readonly startMs: number
    readonly endMs: number
    /** From 0; bars of one lane do not overlap. */
    readonly lane: number
  }[]
  /** How many are needed: the most trials that ever ran at once. */
  readonly lanes: number
}

/**
 * Trials as bars over time, each in the first lane that is free when it starts.
 *
 * @param nowMs where bars of trials end that have not ended
 */
export function timeline(trials: readonly TimedTrial[], nowMs: number): Timeline {
  const freeAt: number[] = []
  const started = trials
    .flatMap(({ number, state, startedMs, endedMs }) => {
      if (startedMs === null) return []
      // A clock that was set back does not make a bar run backwards.
      return [{ trial: number, state, startMs: startedMs, endMs: Math.max(startedMs, endedMs ?? nowMs) }]
    })
    .sort((a, b) => a.startMs - b.startMs || a.trial - b.trial)
  const bars = started.map((bar) => {
    const free = freeAt.findIndex((ms) => ms <= bar.startMs)
    const lane = free < 0 ? freeAt.length : free
    freeAt[lane] = bar.endMs
    return { ...bar, lane }
  })
  return { bars, lanes: freeAt.length }
}
