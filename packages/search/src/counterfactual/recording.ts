import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactOf } from '@sweep/spec/facts'
import { BY_PRUNER, type Decision } from '../pruner.ts'
import { createPruner } from '../search.ts'

/** A fact at its time, in milliseconds since 1970; times never go back from one fact to the next. */
export interface TimedFact {
  readonly fact: Fact
  readonly time: number
}

/** One recorded execution, with what it cost. One that still runs ends with the last fact. */
export interface RecordedAttempt {
  readonly number: number
  readonly gpus: number
  readonly startedAt: number
  endedAt: number
  seconds: number
  gpuSeconds: number
  /** The pruner of the sweep had asked it to stop, and so it did. */
  isCut: boolean
}

/** Everything that happened to one trial, in order. */
export interface Tape {
  readonly trial: number
  readonly events: TimedFact[]
  readonly attempts: Map<number, RecordedAttempt>
}

/** The facts of a sweep, laid out so that they can be played again under another pruner. */
export interface Recording {
  readonly document: SweepDocument
  readonly tapes: ReadonlyMap<number, Tape>
  /** Facts that are about no trial. */
  readonly others: readonly TimedFact[]
  readonly endsAt: number
  /** Most attempts that ran at once. */
  readonly slots: number
  /** By `triggerKey`, the number of the fact after which the sweep's own pruner first decided so. */
  readonly triggers: ReadonlyMap<string, number>
  /** Medians over the stops of the sweep's own pruner, from the fact that gave rise to a stop. */
  readonly askedAfterMs: number
  readonly endedAfterMs: number
}

/** @param attempt as it is numbered in the record */
export function triggerKey(kind: Decision['kind'], trial: number, attempt: number): string {
  return `${kind} ${trial} ${attempt}`
}

/** @param facts all facts of the sweep, in the order of their numbers */
export function recordingOf(document: SweepDocument, facts: readonly Fact[]): Recording {
  const tapes = new Map<number, Tape>()
  const others: TimedFact[] = []
  const triggers = new Map<string, number>()
  const running = new Set<string>()
  /** By the number of a fact, when it was. */
  const times = new Map<number, number>()
  let pruner = createPruner(document)
  let time = Number.NEGATIVE_INFINITY
  let slots = 0
  for (const fact of facts) {
    time = Math.max(time, fact.at.getTime())
    times.set(fact.seq, time)
    const tape = 'trial' in fact ? tapeOf(tapes, fact.trial) : undefined
    if (tape === undefined) others.push({ fact, time })
    else tape.events.push({ fact, time })
    if (tape !== undefined && fact.kind === 'attempt-started') {
      running.add(`${fact.trial} ${fact.attempt}`)
      slots = Math.max(slots, running.size)
      startAttempt(tape, fact, time)
    } else if (tape !== undefined && fact.kind === 'attempt-ended') {
      running.delete(`${fact.trial} ${fact.attempt}`)
      endAttempt(tape, fact, time)
    }
    const next = pruner?.tell(fact)
    if (next === undefined || next === pruner) continue
    pruner = next
    for (const { kind, trial, attempt } of pruner.decide()) {
      const key = triggerKey(kind, trial, attempt)
      if (!triggers.has(key)) triggers.set(key, fact.seq)
    }
  }
  closeRunning(tapes, time)
  return { document, tapes, others, endsAt: time, slots, triggers, ...delays(tapes, triggers, times) }
}

function tapeOf(tapes: Map<number, Tape>, trial: number): Tape {
  const known = tapes.get(trial)
  if (known !== undefined) return known
  const tape: Tape = { trial, events: [], attempts: new Map() }
  tapes.set(trial, tape)
  return tape
}

function startAttempt({ attempts }: Tape, { attempt, gpus }: FactOf<'attempt-started'>, time: number): void {
  attempts.set(attempt, {
    number: attempt,
    gpus,
    startedAt: time,
    endedAt: Number.NaN,
    seconds: 0,
    gpuSeconds: 0,
    isCut: false,
  })
}

function endAttempt({ attempts, events }: Tape, fact: FactOf<'attempt-ended'>, time: number): void {
  const attempt = attempts.get(fact.attempt)
  if (attempt === undefined) return
  attempt.endedAt = time
  attempt.seconds = fact.seconds
  attempt.gpuSeconds = fact.gpuSeconds
  const isByPruner = events.some(
    (one) => isStopByPruner(one.fact) && 'attempt' in one.fact && one.fact.attempt === fact.attempt,
  )
  attempt.isCut = (fact.cause === 'pruned' || fact.cause === 'paused') && isByPruner
}

export function isStopByPruner(fact: Fact): boolean {
  return fact.kind === 'stop-asked' && fact.by === BY_PRUNER
}

function closeRunning(tapes: ReadonlyMap<number, Tape>, endsAt: number): void {
  for (const { attempts } of tapes.values()) {
    for (const attempt of attempts.values()) {
      if (!Number.isNaN(attempt.endedAt)) continue
      attempt.endedAt = endsAt
      attempt.seconds = (endsAt - attempt.startedAt) / 1000
      attempt.gpuSeconds = attempt.seconds * attempt.gpus
    }
  }
}

function delays(
  tapes: ReadonlyMap<number, Tape>,
  triggers: ReadonlyMap<string, number>,
  times: ReadonlyMap<number, number>,
): Pick<Recording, 'askedAfterMs' | 'endedAfterMs'> {
  const asked: number[] = []
  const ended: number[] = []
  for (const { trial, events, attempts } of tapes.values()) {
    for (const { fact, time } of events) {
      if (fact.kind !== 'stop-asked' || fact.by !== BY_PRUNER) continue
      const attempt = attempts.get(fact.attempt)
      const seq = triggers.get(triggerKey(fact.stop === 'paused' ? 'pause' : 'prune', trial, fact.attempt))
      const from = seq === undefined ? undefined : times.get(seq)
      // A paused trial that is pruned has no attempt to end.
      if (attempt?.isCut !== true || from === undefined || from > time || attempt.endedAt < time) continue
      asked.push(time - from)
      ended.push(attempt.endedAt - from)
    }
  }
  return { askedAfterMs: medianOf(asked) ?? 0, endedAfterMs: medianOf(ended) ?? 0 }
}

export function medianOf(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}
