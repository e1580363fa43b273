import { isSweepOver, type SweepState } from '@sweep/spec/sweep-state'
import type { SweepView, TrialView } from '@sweep/spec/wire/api'
import { type Conditions, shortened, withConditions } from './conditions.ts'
import { runNames } from './render-experiment.ts'
import type { Resource } from './resource.ts'

const LONGEST_MESSAGE = 2000
const SIGNIFICANT_DIGITS = 6

const PHASES = {
  running: 'Running',
  paused: 'Paused',
  stopping: 'Stopping',
  cancelling: 'Cancelling',
  completed: 'Completed',
  stopped: 'Stopped',
  cancelled: 'Cancelled',
} as const satisfies Record<SweepState, string>
export type Phase = (typeof PHASES)[SweepState] | 'Pending' | 'Invalid' | 'Failed' | 'Lost'

export interface Outcome {
  /** The sweep as the server has it; undefined when there is none, or nobody can say. */
  readonly sweep?: SweepView | undefined
  /** Of an experiment: its trials, by number. */
  readonly trials?: readonly TrialView[]
  /** Without a sweep. */
  readonly phase?: Phase
  /** Instead of the server's reason. */
  readonly message?: string
  readonly warnings?: readonly string[]
  readonly conditions: Conditions
  /** Whether the resource's generation has been dealt with. */
  readonly isObserved: boolean
}

export type WrittenStatus = { readonly [key: string]: unknown }

/**
 * The whole status of a resource after a look at its sweep. What is not known now stays as it was: a server that does not
 * answer makes no sweep disappear.
 * @param now RFC 3339
 */
export function statusOf(resource: Resource, outcome: Outcome, now: string): WrittenStatus {
  const { status: before, metadata } = resource
  const { sweep } = outcome
  const { message: _, ...written } = (before.written ?? {}) as WrittenStatus
  const generation = outcome.isObserved ? metadata.generation : before.observedGeneration
  const message = outcome.message ?? sweep?.reason ?? ''
  return {
    ...(sweep === undefined ? written : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase: sweep === undefined ? (outcome.phase ?? before.phase ?? 'Pending') : phaseOf(sweep),
    ...(message === '' ? {} : { message: shortened(message, LONGEST_MESSAGE) }),
    ...(sweep === undefined ? {} : sweepPart(sweep)),
    ...(sweep === undefined
      ? {}
      : resource.kind === 'Sweep'
        ? trialsOf(sweep)
        : runsOf(resource, sweep, outcome.trials ?? [])),
    ...warningsOf(outcome.warnings ?? before.warnings ?? []),
    conditions: withConditions(before.conditions, outcome.conditions, metadata.generation, now),
  }
}

/** Over without a trial that trained to its end, whatever ended it, is what people look for. */
export function phaseOf({ state, trials }: SweepView): Phase {
  const isFruitless = state === 'completed' && trials.failed > 0 && trials.completed + trials.pruned === 0
  return isFruitless ? 'Failed' : PHASES[state]
}

/** Of the condition that `kubectl wait` waits for: true once it is over, however it ended. */
export function completion(sweep: SweepView): NonNullable<Conditions['Complete']> {
  const isOver = isSweepOver(sweep.state)
  return { status: isOver ? 'True' : 'False', reason: phaseOf(sweep), message: sweep.reason ?? '' }
}

function sweepPart(sweep: SweepView): WrittenStatus {
  return {
    sweepId: sweep.id,
    startTime: sweep.createdAt,
    ...(sweep.endedAt === null ? {} : { completionTime: sweep.endedAt }),
  }
}

function trialsOf({ trials, best, metric, budget }: SweepView): WrittenStatus {
  const ended = trials.completed + trials.pruned + trials.failed + trials.cancelled
  const progress = budget.trials === undefined ? String(ended) : `${ended}/${budget.trials}`
  if (best === null) return { trials, progress }
  const text = String(Number(best.value.toPrecision(SIGNIFICANT_DIGITS)))
  return {
    trials,
    progress,
    best: {
      trial: best.trial,
      ...(metric && { metric: metric.name }),
      ...finite('value', best.value),
      text,
      config: best.config,
    },
  }
}

function runsOf(resource: Resource, { trials, best }: SweepView, list: readonly TrialView[]): WrittenStatus {
  const names = runNames(resource)
  const bestRun = best === null ? undefined : names[best.trial - 1]
  return {
    activeRuns: trials.queued + trials.running + trials.paused,
    completedRuns: trials.completed + trials.pruned,
    failedRuns: trials.failed + trials.cancelled,
    ...(bestRun === undefined ? {} : { bestRun, ...finite('bestValue', best?.value) }),
    runs: names.map((name, index) => {
      const trial = list.find(({ number }) => number === index + 1)
      return { name, trial: index + 1, ...(trial && { state: trial.state, ...finite('value', trial.value) }) }
    }),
  }
}

/** JSON has no other numbers. */
function finite<K extends string>(key: K, value: number | null | undefined): { [key in K]?: number } {
  return Number.isFinite(value) ? ({ [key]: value } as { [key in K]: number }) : {}
}

function warningsOf(warnings: readonly string[]): WrittenStatus {
  return warnings.length === 0 ? {} : { warnings }
}
