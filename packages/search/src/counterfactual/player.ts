import type { FactBody, Verdict } from '@sweep/spec/facts'
import { BY_PRUNER, type Decision } from '../pruner.ts'
import { costOf, type Span } from './cost.ts'
import type { RecordedAttempt, Tape } from './recording.ts'

/** How one trial fared under the other pruner. */
export interface PlayedTrial {
  readonly trial: number
  /** What was played of its attempts. */
  readonly spans: readonly Span[]
  /** Reports that were told, and the last of them. */
  readonly reports: number
  readonly last: { readonly step: number; readonly value: number } | undefined
  /** Why the other pruner ended it; undefined for one that it did not end. */
  readonly stopped: Verdict | undefined
  /** It ended before it had told all that it told in the record. */
  readonly isShortened: boolean
  /** The other pruner would have let it go on where its recorded curve ends. */
  readonly isUnknown: boolean
}

/** What a stop of the other pruner does to a trial, and when. */
export interface Stop {
  readonly kind: 'prune' | 'pause'
  readonly verdict: Verdict
  readonly askAt: number
  readonly endAt: number
  /** Among what happens at the same time. */
  readonly order: number
  isAsked: boolean
}

export interface Player {
  readonly tape: Tape
  /** Index of the fact of its tape that comes next. */
  next: number
  /** From the time of its tape to that of the playback. */
  shift: number
  /** Numbers of its newest attempt, as played and as recorded. */
  attempt: number
  recorded: RecordedAttempt | undefined
  /** `held`: paused by the pruner, and waits for its decision; `queued`: waits for room. */
  mode: 'playing' | 'queued' | 'held' | 'over'
  /** By the pruner: where the record has a pause too, or elsewhere. */
  paused: 'no' | 'recorded' | 'elsewhere'
  /** Its tape says when the pruner's decision about the pause was carried out. */
  isFollowing: boolean
  isRunning: boolean
  /** Where on its tape the running attempt was taken up, or a paused one stopped. */
  from: number
  /** A stop that the record does not have. */
  stop: Stop | undefined
  /** A stop that the record has too: its tape says how it went. */
  sameStop: Decision | undefined
  spans: Span[]
  reports: number
  last: { step: number; value: number } | undefined
  stopped: Verdict | undefined
  isUnknown: boolean
}

export function newPlayer(tape: Tape): Player {
  return {
    ...{ tape, next: 0, shift: 0, attempt: 0, recorded: undefined, mode: 'playing', paused: 'no', isFollowing: false },
    ...{ isRunning: false, from: 0, stop: undefined, sameStop: undefined, spans: [], reports: 0, last: undefined },
    ...{ stopped: undefined, isUnknown: false },
  }
}

export function isBefore([time, order]: readonly [number, number], other: readonly [number, number]): boolean {
  return time < other[0] || (time === other[0] && order < other[1])
}

/** When the next thing happens of a stop, and its place among what happens then. */
export function nextStop({ isAsked, askAt, endAt, order }: Stop): readonly [time: number, order: number] {
  return [isAsked ? endAt : askAt, order]
}

/** Index of the start of the attempt with which the record takes up a trial that its own pruner had paused. */
export function startAfterPause({ tape: { events }, next }: Player): number | undefined {
  for (let index = next; index < events.length; index += 1) {
    const { kind } = events[index]!.fact
    if (kind === 'attempt-started') return index
    if (kind === 'trial-ended') return undefined
  }
  return undefined
}

export function hasReportsLeft({ tape: { events }, next }: Player): boolean {
  return events.slice(next).some(({ fact }) => fact.kind === 'report')
}

export function stopAsked({ tape, attempt }: Player, kind: Stop['kind'], verdict: Verdict): FactBody {
  const stop = kind === 'pause' ? 'paused' : 'pruned'
  return { kind: 'stop-asked', trial: tape.trial, attempt, stop, basis: 0, by: BY_PRUNER, verdict }
}

export function attemptEnded({ tape, attempt, spans }: Player, cause: 'pruned' | 'paused'): FactBody {
  const { seconds, gpuSeconds } = costOf(spans.slice(-1))
  return { kind: 'attempt-ended', trial: tape.trial, attempt, cause, message: '', seconds, gpuSeconds }
}

export function playedTrial(player: Player): PlayedTrial {
  const { tape, spans, reports, last, stopped, isUnknown } = player
  return {
    ...{ trial: tape.trial, spans, reports, last, stopped, isUnknown },
    isShortened: stopped !== undefined && hasReportsLeft(player),
  }
}
