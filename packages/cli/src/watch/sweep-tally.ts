import type { Cause } from '@sweep/spec/attempt'
import type { Fact, FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import type { TrialState } from '@sweep/spec/trial'
import type { FactView } from '@sweep/spec/wire/api'

export interface TrialTally {
  readonly number: number
  readonly config: Config
  state: TrialState
  /** The value that stands for the trial; undefined before the first finite report. */
  value: number | undefined
  step: number | undefined
  startedAt: number | undefined
}

export interface FailureTally {
  count: number
  /** Of the newest one. */
  message: string
  trial: number
}

/** What one fact means to somebody who watches. */
export interface Happening {
  readonly text: string
  readonly tone: 'plain' | 'good' | 'bad'
}

export interface MetricGoal {
  readonly name: string
  readonly goal: 'minimize' | 'maximize'
  readonly summary: 'best' | 'last'
}

/**
 * The state of a sweep as its facts tell it, for showing: trials with their newest values, the best so far over time,
 * failures by cause. The server stays the judge; numbers that matter are asked from it.
 */
export class SweepTally {
  readonly trials = new Map<number, TrialTally>()
  readonly failures = new Map<Cause, FailureTally>()
  /** Each new best value, in the order they came. */
  readonly bestSoFar: number[] = []
  bestTrial: number | undefined
  waiting: string | undefined
  lastSeq = 0
  isOver = false
  readonly #metric: MetricGoal | undefined

  constructor(metric: MetricGoal | undefined) {
    this.#metric = metric
  }

  /** Takes the next fact; one seen before changes nothing. Answers with what to tell, if it is worth a line. */
  add(view: FactView): Happening | undefined {
    if (view.seq <= this.lastSeq) return undefined
    this.lastSeq = view.seq
    return this.#fold({ ...(view.body as FactBody), seq: view.seq, at: new Date(view.at) })
  }

  /** Trials, the best first; those without a value last, by number. */
  ranked(): TrialTally[] {
    const sign = this.#metric?.goal === 'maximize' ? -1 : 1
    return [...this.trials.values()].sort((a, b) => {
      if (a.value === undefined || b.value === undefined) {
        return (a.value === undefined ? 1 : 0) - (b.value === undefined ? 1 : 0) || a.number - b.number
      }
      return sign * (a.value - b.value) || a.number - b.number
    })
  }

  #fold(fact: Fact): Happening | undefined {
    switch (fact.kind) {
      case 'trial-created':
        this.waiting = undefined
        this.trials.set(fact.trial, {
          number: fact.trial,
          config: fact.config,
          state: 'queued',
          value: undefined,
          step: undefined,
          startedAt: undefined,
        })
        return undefined
      case 'attempt-queued':
        this.#set(fact.trial, 'queued')
        return fact.attempt === 1
          ? undefined
          : { text: `trial ${fact.trial} is queued again: ${fact.reason}`, tone: 'plain' }
      case 'attempt-started': {
        const trial = this.#set(fact.trial, 'running')
        if (trial !== undefined) trial.startedAt = fact.at.getTime()
        return { text: `trial ${fact.trial} started on ${fact.agent}`, tone: 'plain' }
      }
      case 'report':
        return this.#report(fact.trial, fact.step, Number(fact.value))
      case 'attempt-ended':
        return this.#attemptEnded(fact.trial, fact.cause, fact.message)
      case 'trial-ended': {
        const trial = this.#set(fact.trial, fact.state)
        if (trial !== undefined && fact.value !== null && Number.isFinite(Number(fact.value))) {
          trial.value = Number(fact.value)
        }
        const tone = fact.state === 'failed' ? 'bad' : 'plain'
        const value = trial?.value === undefined ? '' : ` with ${trial.value}`
        return {
          text: `trial ${fact.trial} ${fact.state}${value}${fact.reason === '' ? '' : `: ${fact.reason}`}`,
          tone,
        }
      }
      case 'trial-requeued':
        this.#set(fact.trial, 'queued')
        return { text: `trial ${fact.trial} was asked for once more by ${fact.by}`, tone: 'plain' }
      case 'waiting':
        this.waiting = fact.reason
        return { text: `waiting: ${fact.reason}`, tone: 'plain' }
      case 'control':
        return { text: `${fact.action} by ${fact.by}`, tone: 'plain' }
      case 'sweep-ended':
        this.isOver = true
        return { text: `the sweep is ${fact.state}: ${fact.reason}`, tone: 'good' }
      case 'sweep-created':
      case 'stop-asked':
        return undefined
      default:
        // A newer server may tell of things this command does not know.
        return undefined
    }
  }

  #set(number: number, state: TrialState): TrialTally | undefined {
    const trial = this.trials.get(number)
    if (trial !== undefined) trial.state = state
    return trial
  }

  #report(number: number, step: number, value: number): Happening | undefined {
    const trial = this.trials.get(number)
    if (trial === undefined) return undefined
    trial.step = step
    if (!Number.isFinite(value) || this.#metric === undefined) return undefined
    const better = (than: number | undefined): boolean =>
      than === undefined || (this.#metric?.goal === 'maximize' ? value > than : value < than)
    if (this.#metric.summary === 'last' || better(trial.value)) trial.value = value
    if (!better(this.bestSoFar.at(-1))) return undefined
    this.bestSoFar.push(value)
    this.bestTrial = number
    return { text: `best ${this.#metric.name} so far: ${value} by trial ${number} at step ${step}`, tone: 'good' }
  }

  #attemptEnded(number: number, cause: Cause, message: string): Happening | undefined {
    if (cause === 'paused') {
      this.#set(number, 'paused')
      return { text: `trial ${number} is paused: ${message}`, tone: 'plain' }
    }
    if (!FAILURES.has(cause)) return undefined
    const known = this.failures.get(cause)
    if (known === undefined) this.failures.set(cause, { count: 1, message, trial: number })
    else {
      known.count += 1
      known.message = message
      known.trial = number
    }
    return { text: `trial ${number}: ${cause}: ${message}`, tone: 'bad' }
  }
}

const FAILURES: ReadonlySet<Cause> = new Set([
  'no-metric',
  'nan',
  'user-error',
  'bad-command',
  'oom',
  'timeout',
  'node-fault',
  'lost',
])
