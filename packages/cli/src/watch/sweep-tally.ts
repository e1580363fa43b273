import { nonDominatedRanks } from '@sweep/search/pareto/non-dominated'
import type { Cause } from '@sweep/spec/attempt'
import type { Metric } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody, FactOf } from '@sweep/spec/facts'
import { type Aims, isFeasible, type SideMetric, sideMetrics, standingValue, type Values } from '@sweep/spec/objectives'
import type { Config } from '@sweep/spec/search-space'
import type { TrialState } from '@sweep/spec/trial'
import type { FactView } from '@sweep/spec/wire/api'
import { valuesText } from '../present.ts'

export interface TrialTally {
  readonly number: number
  readonly config: Config
  state: TrialState
  /** The value that stands for the trial; undefined before the first finite report. */
  value: number | undefined
  /** By name, the same for the metrics beside the first objective. */
  readonly sideValues: Map<string, number>
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

/**
 * The state of a sweep as its facts tell it, for showing: trials with their newest values, the best so far over time,
 * failures by cause. The server stays the judge; numbers that matter are asked from it.
 */
export class SweepTally {
  readonly trials = new Map<number, TrialTally>()
  readonly failures = new Map<Cause, FailureTally>()
  /** Each new best value of the first objective, in the order they came. */
  readonly bestSoFar: number[] = []
  bestTrial: number | undefined
  waiting: string | undefined
  lastSeq = 0
  isOver = false
  /** Worked out when somebody looks; gone with the next fact. */
  #knownFronts: ReadonlyMap<number, number> | undefined
  readonly #aims: Aims
  readonly #sideMetrics: ReadonlyMap<string, SideMetric>

  constructor(aims: Aims) {
    this.#aims = aims
    this.#sideMetrics = new Map(sideMetrics(aims).map((metric) => [metric.name, metric]))
  }

  /** Takes the next fact; one seen before changes nothing. Answers with what to tell, if it is worth a line. */
  add(view: FactView): Happening | undefined {
    if (view.seq <= this.lastSeq) return undefined
    this.lastSeq = view.seq
    this.#knownFronts = undefined
    return this.#fold({ ...(view.body as FactBody), seq: view.seq, at: new Date(view.at) })
  }

  /** Trials, the best first; those that break a constraint after the others, those without a value last, by number. */
  ranked(): TrialTally[] {
    const sign = this.#metric?.goal === 'maximize' ? -1 : 1
    const fronts = this.#fronts()
    const standing = (trial: TrialTally) => (trial.value === undefined ? 2 : this.#isFeasible(trial) ? 0 : 1)
    // Those that have not ended yet come after all fronts.
    const front = (trial: TrialTally) => fronts.get(trial.number) ?? fronts.size
    const placed = [...this.trials.values()].map((trial) => ({
      trial,
      standing: standing(trial),
      front: front(trial),
      loss: sign * (trial.value ?? 0),
    }))
    placed.sort(
      (a, b) => a.standing - b.standing || a.front - b.front || a.loss - b.loss || a.trial.number - b.trial.number,
    )
    return placed.map(({ trial }) => trial)
  }

  /** With several objectives, the trials that have ended, keep to the constraints and are beaten by no other such one. */
  front(): ReadonlySet<number> {
    return new Set([...this.#fronts()].flatMap(([number, rank]) => (rank === 0 ? [number] : [])))
  }

  /** Non-dominated ranks by trial; none with one objective. */
  #fronts(): ReadonlyMap<number, number> {
    this.#knownFronts ??= this.#rankedFronts(this.#aims.objectives ?? [])
    return this.#knownFronts
  }

  #rankedFronts(objectives: readonly Metric[]): ReadonlyMap<number, number> {
    if (objectives.length === 0) return new Map()
    const ended = [...this.trials.values()].flatMap((trial) => {
      if ((trial.state !== 'completed' && trial.state !== 'pruned') || !this.#isFeasible(trial)) return []
      const values = this.#valuesOf(trial)
      const losses = objectives.map(({ name, goal }) => (values[name] ?? Number.NaN) * (goal === 'maximize' ? -1 : 1))
      return losses.every(Number.isFinite) ? [{ number: trial.number, losses }] : []
    })
    const ranks = nonDominatedRanks(ended.map(({ losses }) => losses))
    return new Map(ended.map(({ number }, i) => [number, ranks[i] ?? 0]))
  }

  get #metric(): Aims['metric'] {
    return this.#aims.metric
  }

  #valuesOf({ value, sideValues }: TrialTally): Values {
    const first = this.#metric === undefined || value === undefined ? {} : { [this.#metric.name]: value }
    return { ...Object.fromEntries(sideValues), ...first }
  }

  #isFeasible(trial: TrialTally): boolean {
    const { constraints } = this.#aims
    return constraints === undefined || isFeasible(constraints, this.#valuesOf(trial))
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
          sideValues: new Map(),
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
      case 'side-report':
        return this.#sideReport(fact)
      case 'attempt-ended':
        return this.#attemptEnded(fact.trial, fact.cause, fact.message)
      case 'trial-ended': {
        const trial = this.#set(fact.trial, fact.state)
        if (trial !== undefined && fact.value !== null && Number.isFinite(Number(fact.value))) {
          trial.value = Number(fact.value)
        }
        const tone = fact.state === 'failed' ? 'bad' : 'plain'
        for (const [name, final] of Object.entries(fact.values ?? {})) {
          if (this.#sideMetrics.has(name)) trial?.sideValues.set(name, Number(final))
        }
        const shown = fact.values === undefined ? trial?.value : valuesText(fact.values, String)
        const value = shown === undefined ? '' : ` with ${shown}`
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
      case 'agent-drained':
        return { text: `agent ${fact.agent} was drained: ${fact.reason}`, tone: 'bad' }
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
    const metric = this.#metric
    if (!Number.isFinite(value) || metric === undefined) return undefined
    trial.value = standingValue(trial.value, value, metric)
    return this.#considerBest(trial, value, step)
  }

  #sideReport({ trial: number, step, name, value }: FactOf<'side-report'>): Happening | undefined {
    const trial = this.trials.get(number)
    const metric = this.#sideMetrics.get(name)
    if (trial === undefined || metric === undefined) return undefined
    const standing = standingValue(trial.sideValues.get(name), Number(value), metric)
    if (standing !== undefined) trial.sideValues.set(name, standing)
    // With it a trial may have come to keep to the constraints.
    return this.#considerBest(trial, trial.value, step)
  }

  #considerBest(trial: TrialTally, value: number | undefined, step: number): Happening | undefined {
    const metric = this.#metric
    const best = this.bestSoFar.at(-1)
    if (metric === undefined || value === undefined || !this.#isFeasible(trial)) return undefined
    if (best !== undefined && !(metric.goal === 'maximize' ? value > best : value < best)) return undefined
    this.bestSoFar.push(value)
    this.bestTrial = trial.number
    return { text: `best ${metric.name} so far: ${value} by trial ${trial.number} at step ${step}`, tone: 'good' }
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
