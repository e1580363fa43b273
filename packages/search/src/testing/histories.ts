import type { Cause, StopReason } from '@sweep/spec/attempt'
import type { FactBody, FactOf } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { BY_PRUNER, type Decision } from '../pruner.ts'

/** Facts as the store writes them, for tests. */
export function created(trial: number, config: Config, draw?: number, basis = 0): FactBody {
  const source = draw === undefined ? 'user' : 'sampler'
  return { kind: 'trial-created', trial, config, source, basis, draw, reason: 'test' }
}

export function started(trial: number, attempt = 1): FactBody {
  return { kind: 'attempt-started', trial, attempt, epoch: attempt, agent: 'host', gpus: 0 }
}

export function report(trial: number, step: number, value: number, attempt = 1): FactBody {
  return { kind: 'report', trial, attempt, step, ordinal: Math.max(1, step), value }
}

/** A value of the objective `size`, which tests of several objectives have as their second. */
export function sideReport(trial: number, step: number, value: number, attempt = 1): FactBody {
  return { kind: 'side-report', trial, attempt, step, name: 'size', value }
}

export function ended(trial: number, attempt = 1, cause: Cause = 'succeeded'): FactBody {
  return { kind: 'attempt-ended', trial, attempt, cause, message: '', gpuSeconds: 0, seconds: 0 }
}

export function stopAsked(trial: number, attempt = 1, stop: StopReason = 'pruned'): FactBody {
  return { kind: 'stop-asked', trial, attempt, stop, basis: 0, by: BY_PRUNER, verdict: { reason: 'test' } }
}

/** @param attempt the one that was paused */
export function resumed(trial: number, attempt = 1): FactBody {
  return { kind: 'trial-resumed', trial, attempt, basis: 0, by: BY_PRUNER, verdict: { reason: 'test' } }
}

export function trialEnded(trial: number, state: FactOf<'trial-ended'>['state'] = 'completed'): FactBody {
  return { kind: 'trial-ended', trial, state, value: null, reason: 'test' }
}

/** The fact that carries out a decision. */
export function carriedOut({ kind, trial, attempt }: Decision): FactBody {
  if (kind === 'resume') return resumed(trial, attempt)
  return stopAsked(trial, attempt, kind === 'pause' ? 'paused' : 'pruned')
}

/** A history of `values` for each trial, every trial started and reporting from step 1. */
export function curves(values: Record<number, readonly number[]>): FactBody[] {
  return Object.entries(values).flatMap(([trial, list]) => [
    started(Number(trial)),
    ...list.map((value, index) => report(Number(trial), index + 1, value)),
  ])
}

interface Move {
  readonly trial: number
  readonly action: 'report' | 'lost' | 'pause' | 'end'
  readonly value: number
  /** Of a second objective, before the value. */
  readonly side: number | undefined
  /** Steps an attempt goes back that takes the trial up again. */
  readonly back: number
  readonly stride: number
}

const metricValue = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 9 }) },
  { weight: 2, arbitrary: fc.double({ noNaN: true, min: -100, max: 100 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
)

const move: fc.Arbitrary<Move> = fc.record({
  trial: fc.integer({ min: 1, max: 7 }),
  action: fc.oneof(
    { weight: 18, arbitrary: fc.constant('report' as const) },
    { weight: 3, arbitrary: fc.constantFrom('lost', 'pause', 'end') },
  ),
  value: metricValue,
  side: fc.option(metricValue, { nil: undefined }),
  back: fc.nat({ max: 6 }),
  stride: fc.constantFrom(1, 1, 1, 2, 5),
})

const CAUSES = { lost: 'lost', pause: 'paused', end: 'succeeded' } as const satisfies Record<string, Cause>

/**
 * Reports of up to seven trials in any interleaving, some of two objectives, with NaN and infinities, strides, attempts that are lost or paused
 * and taken up again some steps back, and trials that end.
 */
export const histories: fc.Arbitrary<FactBody[]> = fc.array(move, { maxLength: 80 }).map((moves) => {
  const facts: FactBody[] = []
  const trials = new Map<number, { attempt: number; step: number; running: boolean; paused: boolean; over: boolean }>()
  for (const { trial, action, value, side, back, stride } of moves) {
    const state = trials.get(trial) ?? { attempt: 0, step: 0, running: false, paused: false, over: false }
    trials.set(trial, state)
    if (state.over) continue
    if (!state.running) {
      if (state.paused) facts.push(resumed(trial, state.attempt))
      state.attempt += 1
      state.running = true
      state.paused = false
      facts.push(started(trial, state.attempt))
    }
    if (action === 'report') {
      state.step += stride
      if (side !== undefined) facts.push(sideReport(trial, state.step, side, state.attempt))
      facts.push(report(trial, state.step, value, state.attempt))
    } else {
      state.running = false
      state.paused = action === 'pause'
      state.over = action === 'end'
      if (action !== 'end') state.step = Math.max(0, state.step - back)
      facts.push(ended(trial, state.attempt, CAUSES[action]))
      if (action === 'end') facts.push(trialEnded(trial))
    }
  }
  return facts
})

/** The same facts in another interleaving: those of one trial stay in order. */
export function interleaved(facts: readonly FactBody[], order: readonly number[]): FactBody[] {
  const queues = new Map<number, FactBody[]>()
  for (const fact of facts) {
    if (!('trial' in fact)) continue
    queues.set(fact.trial, [...(queues.get(fact.trial) ?? []), fact])
  }
  const mixed: FactBody[] = []
  for (const pick of order) {
    const waiting = [...queues.values()].filter((queue) => queue.length > 0)
    const next = waiting[pick % Math.max(1, waiting.length)]?.shift()
    if (next !== undefined) mixed.push(next)
  }
  return [...mixed, ...[...queues.values()].flat()]
}
