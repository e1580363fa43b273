import { assertNever } from '@sweep/spec/assert-never'
import type { Cause, StopReason } from '@sweep/spec/attempt'
import { CAUSE_POLICY } from '@sweep/spec/attempt'
import { configHash } from '@sweep/spec/config-hash'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { SweepError } from '@sweep/spec/errors'
import type { Fact, FactOf } from '@sweep/spec/facts'
import { isFeasible, type SideMetric, sideMetrics, standingValue } from '@sweep/spec/objectives'
import type { Config } from '@sweep/spec/search-space'
import { nextSweepState, type SweepState } from '@sweep/spec/sweep-state'
import { isFinal, type TrialState } from '@sweep/spec/trial'
import { applyChanges, limitsOf, type SweepLimits } from './limits.ts'
import type { PrunerRun } from './pruner.ts'
import type { SamplerRun } from './sampler.ts'
import { createSearch } from './search.ts'

/** One execution, as far as the facts tell. */
export interface AttemptFold {
  readonly number: number
  state: 'queued' | 'running' | 'ended'
  readonly queuedAt: Date
  startedAt: Date | undefined
  agent: string | undefined
  gpus: number
  /** Set once somebody asked for it to stop; it is not asked twice. */
  stop: StopReason | undefined
  cause: Cause | undefined
}

export interface TrialFold {
  readonly number: number
  readonly config: Config
  readonly source: 'sampler' | 'user'
  readonly draw: number | undefined
  state: TrialState
  /** The newest attempt; undefined before the first one is queued. */
  attempt: AttemptFold | undefined
  /** Attempts that ended by a fault of the program, and by one of ours, since the trial was last asked for. */
  failures: { user: number; ours: number }
  /** Values of the metric over all attempts, and how many of them were finite. */
  reports: number
  finite: number
  last: { step: number; value: number } | undefined
  /** The finite value that stands for the trial by `metric.summary`. */
  value: number | undefined
  /** By name, what stands for it of the metrics beside the first objective. */
  readonly sideValues: Map<string, number>
}

/**
 * Everything the controller knows of one sweep, folded from its facts in the order of their numbers.
 *
 * It has one owner, the controller that holds the sweep's lease, and changes in place: a persistent map of 10,000 trials
 * would buy nothing there. The sampler and the pruner inside are values, and older ones stay usable.
 */
export interface SweepFold {
  readonly document: SweepDocument
  /** Of the document, by name. */
  readonly sideMetrics: ReadonlyMap<string, SideMetric>
  /** The number of the last fact folded: the `basis` of what is decided now. */
  foldedSeq: number
  createdAt: Date | undefined
  state: SweepState
  limits: SweepLimits
  readonly trials: Map<number, TrialFold>
  /** How many trials are in each state. */
  readonly counts: Record<TrialState, number>
  /** Trials with a queued or running attempt, by trial number. */
  readonly queued: Map<number, TrialFold>
  readonly running: Map<number, TrialFold>
  /** GPU time of the attempts that ended. */
  gpuSeconds: number
  /** Of the trials that keep to the constraints, by the first objective. */
  best: { readonly trial: number; readonly value: number } | undefined
  /**
   * The value of some trial that keeps to the constraints reached `metric.target`; with `replicates`, the mean of some
   * config whose runs have all ended.
   */
  targetReached: boolean
  /** With `replicates`, the trials of each config by its hash. */
  readonly configs: Map<string, TrialFold[]>
  /** Why nothing is started though something could be; cleared by the next trial that is issued or resumed. */
  waiting: string | undefined
  /** It was noted that no further trial will be issued; taken back by the next one. */
  noMoreTrials: boolean
  sampler: SamplerRun
  pruner: PrunerRun | undefined
}

export function createSweepFold(document: SweepDocument): SweepFold {
  const { sampler, pruner } = createSearch(document)
  return {
    document,
    sideMetrics: new Map(sideMetrics(document).map((metric) => [metric.name, metric])),
    foldedSeq: 0,
    createdAt: undefined,
    state: 'running',
    limits: limitsOf(document),
    trials: new Map(),
    counts: { queued: 0, running: 0, paused: 0, completed: 0, pruned: 0, failed: 0, cancelled: 0 },
    queued: new Map(),
    running: new Map(),
    gpuSeconds: 0,
    best: undefined,
    targetReached: false,
    configs: new Map(),
    waiting: undefined,
    noMoreTrials: false,
    sampler,
    pruner,
  }
}

/**
 * Folds the next fact into `fold`. One that was folded before is ignored, so that facts may be loaded twice.
 *
 * @throws SweepError `internal` when a fact is missing in between: facts of a sweep are numbered without a gap
 */
export function foldFact(fold: SweepFold, fact: Fact): void {
  if (fact.seq <= fold.foldedSeq) return
  if (fact.seq !== fold.foldedSeq + 1) {
    throw new SweepError('internal', `fact ${fold.foldedSeq + 1} is missing: fact ${fact.seq} came next`, {
      hint: 'Load the facts again from the last one folded.',
    })
  }
  apply(fold, fact)
  fold.sampler = fold.sampler.tell(fact)
  fold.pruner = fold.pruner?.tell(fact)
  fold.foldedSeq = fact.seq
}

function apply(fold: SweepFold, fact: Fact): void {
  switch (fact.kind) {
    case 'sweep-created':
      fold.createdAt = fact.at
      return
    case 'control':
      if (fact.action === 'change') fold.limits = applyChanges(fold.limits, fact.changes)
      else fold.state = nextSweepState(fold.state, fact.action) ?? fold.state
      return
    case 'trial-created':
      fold.waiting = undefined
      fold.noMoreTrials = false
      addTrial(fold, fact)
      return
    case 'attempt-queued':
      queueAttempt(fold, fact)
      return
    case 'attempt-started':
      startAttempt(fold, fact)
      return
    case 'report':
      foldReport(fold, fact)
      return
    case 'side-report':
      foldSideReport(fold, fact)
      return
    case 'stop-asked': {
      const attempt = attemptOf(fold, fact)
      if (attempt !== undefined) attempt.stop = fact.stop
      return
    }
    case 'attempt-ended':
      endAttempt(fold, fact)
      return
    case 'trial-ended':
      endTrial(fold, fact)
      return
    case 'trial-requeued': {
      const trial = trialOf(fold, fact.trial)
      trial.failures = { user: 0, ours: 0 }
      moveTo(fold, trial, 'queued')
      return
    }
    case 'trial-resumed':
      fold.waiting = undefined
      moveTo(fold, trialOf(fold, fact.trial), 'queued')
      return
    case 'waiting':
      fold.waiting = fact.reason
      return
    case 'no-more-trials':
      fold.noMoreTrials = true
      return
    case 'agent-drained':
      return
    case 'sweep-ended':
      fold.state = fact.state
      return
    default:
      assertNever(fact)
  }
}

function addTrial(fold: SweepFold, fact: FactOf<'trial-created'>): void {
  const trial: TrialFold = {
    number: fact.trial,
    config: fact.config,
    source: fact.source,
    draw: fact.draw,
    state: 'queued',
    attempt: undefined,
    failures: { user: 0, ours: 0 },
    reports: 0,
    finite: 0,
    last: undefined,
    value: undefined,
    sideValues: new Map(),
  }
  fold.trials.set(fact.trial, trial)
  fold.counts.queued += 1
  if (fold.document.replicates === undefined) return
  const hash = configHash(fact.config)
  const runs = fold.configs.get(hash)
  if (runs === undefined) fold.configs.set(hash, [trial])
  else runs.push(trial)
}

function queueAttempt(fold: SweepFold, fact: FactOf<'attempt-queued'> & { at: Date }): void {
  const trial = trialOf(fold, fact.trial)
  trial.attempt = {
    number: fact.attempt,
    state: 'queued',
    queuedAt: fact.at,
    startedAt: undefined,
    agent: undefined,
    gpus: 0,
    stop: undefined,
    cause: undefined,
  }
  moveTo(fold, trial, 'queued')
}

function startAttempt(fold: SweepFold, fact: FactOf<'attempt-started'> & { at: Date }): void {
  const attempt = attemptOf(fold, fact)
  if (attempt === undefined) return
  attempt.state = 'running'
  attempt.startedAt = fact.at
  attempt.agent = fact.agent
  attempt.gpus = fact.gpus
  moveTo(fold, trialOf(fold, fact.trial), 'running')
}

function foldReport(fold: SweepFold, fact: FactOf<'report'>): void {
  const trial = trialOf(fold, fact.trial)
  const metric = fold.document.metric
  trial.reports += 1
  trial.last = { step: fact.step, value: fact.value }
  if (!Number.isFinite(fact.value)) return
  trial.finite += 1
  if (metric?.summary === 'last' || trial.value === undefined || isBetter(fold, fact.value, trial.value)) {
    trial.value = fact.value
    considerBest(fold, trial)
  }
}

function foldSideReport(fold: SweepFold, { trial: number, name, value }: FactOf<'side-report'>): void {
  const trial = trialOf(fold, number)
  const metric = fold.sideMetrics.get(name)
  const standing = metric && standingValue(trial.sideValues.get(name), value, metric)
  if (standing === undefined) return
  trial.sideValues.set(name, standing)
  considerBest(fold, trial)
}

function endAttempt(fold: SweepFold, fact: FactOf<'attempt-ended'>): void {
  const trial = trialOf(fold, fact.trial)
  fold.gpuSeconds += fact.gpuSeconds
  const { fault } = CAUSE_POLICY[fact.cause]
  if (fault !== 'none') trial.failures[fault] += 1
  const attempt = attemptOf(fold, fact)
  if (attempt === undefined) return
  attempt.state = 'ended'
  attempt.cause = fact.cause
  // What follows (another attempt, or the end of the trial) is a fact of its own; only a pause is not.
  if (fact.cause === 'paused') moveTo(fold, trial, 'paused')
  else index(fold, trial)
}

function endTrial(fold: SweepFold, fact: FactOf<'trial-ended'>): void {
  const trial = trialOf(fold, fact.trial)
  if (fact.value !== null && Number.isFinite(fact.value)) trial.value = fact.value
  moveTo(fold, trial, fact.state)
  considerBest(fold, trial)
  considerMean(fold, trial)
}

/** One good run among several seeds is luck, so a target is reached by the mean of a config once no run can change it. */
function considerMean(fold: SweepFold, trial: TrialFold): void {
  const { replicates, metric } = fold.document
  if (replicates === undefined || metric?.target === undefined) return
  const runs = fold.configs.get(configHash(trial.config)) ?? []
  const isOpen = runs.length < replicates.seeds || runs.some(({ state }) => !isFinal(state) || state === 'pruned')
  const counted = runs.filter(({ state, value }) => state === 'completed' && value !== undefined)
  if (isOpen || counted.length === 0 || !counted.every((run) => keepsToConstraints(fold, run))) return
  const mean = counted.reduce((sum, { value = 0 }) => sum + value, 0) / counted.length
  if (!isBetter(fold, metric.target, mean)) fold.targetReached = true
}

function considerBest(fold: SweepFold, trial: TrialFold): void {
  const { value } = trial
  const { best } = fold
  if (value === undefined || !keepsToConstraints(fold, trial)) {
    if (best?.trial === trial.number) fold.best = bestOf(fold)
    return
  }
  const target = fold.document.metric?.target
  const isAlone = fold.document.replicates === undefined
  if (isAlone && target !== undefined && !isBetter(fold, target, value)) fold.targetReached = true
  // With `summary: last` the best trial's own value may have become worse, and another one be the best now.
  if (best?.trial === trial.number && isBetter(fold, best.value, value)) fold.best = bestOf(fold)
  else if (best === undefined || isAhead(fold, trial.number, value, best)) fold.best = { trial: trial.number, value }
}

function bestOf(fold: SweepFold): SweepFold['best'] {
  let best: SweepFold['best']
  for (const trial of fold.trials.values()) {
    const { number, value } = trial
    if (value === undefined || !keepsToConstraints(fold, trial)) continue
    if (best === undefined || isAhead(fold, number, value, best)) best = { trial: number, value }
  }
  return best
}

function keepsToConstraints({ document }: SweepFold, { value, sideValues }: TrialFold): boolean {
  const { metric, constraints } = document
  if (constraints === undefined) return true
  const first = metric === undefined || value === undefined ? {} : { [metric.name]: value }
  return isFeasible(constraints, { ...Object.fromEntries(sideValues), ...first })
}

/** Ties go to the lower trial number. */
function isAhead(fold: SweepFold, trial: number, value: number, best: NonNullable<SweepFold['best']>): boolean {
  return isBetter(fold, value, best.value) || (value === best.value && trial <= best.trial)
}

function isBetter(fold: SweepFold, value: number, other: number): boolean {
  return fold.document.metric?.goal === 'maximize' ? value > other : value < other
}

function moveTo(fold: SweepFold, trial: TrialFold, state: TrialState): void {
  fold.counts[trial.state] -= 1
  trial.state = state
  fold.counts[state] += 1
  index(fold, trial)
}

function index(fold: SweepFold, trial: TrialFold): void {
  const attempt = trial.attempt?.state
  if (attempt === 'queued' && trial.state === 'queued') fold.queued.set(trial.number, trial)
  else fold.queued.delete(trial.number)
  if (attempt === 'running' && trial.state === 'running') fold.running.set(trial.number, trial)
  else fold.running.delete(trial.number)
}

function trialOf(fold: SweepFold, number: number): TrialFold {
  const trial = fold.trials.get(number)
  if (trial === undefined) throw new SweepError('internal', `a fact names trial ${number}, which was never created`)
  return trial
}

/** The attempt that a fact names, unless a newer one has taken its place. */
function attemptOf(fold: SweepFold, { trial, attempt }: { trial: number; attempt: number }): AttemptFold | undefined {
  const newest = trialOf(fold, trial).attempt
  return newest?.number === attempt ? newest : undefined
}
