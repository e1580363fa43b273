import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody } from '@sweep/spec/facts'
import { createSweepFold, foldFact, type SweepFold } from '../fold.ts'
import { BY_PRUNER, isResume } from '../pruner.ts'
import type { Rng } from '../rng.ts'

export interface Simulated {
  readonly facts: readonly Fact[]
  readonly fold: SweepFold
}

interface Run {
  readonly trial: number
  readonly attempt: number
  readonly quality: number
  step: number
}

export interface SimulatedWork {
  /** Reports of a full trial. */
  readonly steps: number
  /** Whether a paused trial goes on where it was, and a copy where its parent is; otherwise they start anew. */
  readonly checkpoints?: boolean
  /** Whether some attempts are lost and some values are NaN. */
  readonly failures?: boolean
}

/**
 * A controller and some workers, without a database: trials are created, resumed and stopped as the fold says, in batches
 * and with facts of the workers in between, so that a decision's basis often lies behind its fact.
 *
 * @param rng decides what the workers do, not what the sweep does
 */
export function simulateSweep(
  document: SweepDocument,
  trials: number,
  workers: number,
  { steps, checkpoints = true, failures = true }: SimulatedWork,
  rng: Rng,
): Simulated {
  const facts: Fact[] = []
  const fold = createSweepFold(document)
  const write = (body: FactBody) => facts.push({ ...body, seq: facts.length + 1, at: new Date(facts.length) })
  const catchUp = () => {
    for (const fact of facts.slice(fold.foldedSeq)) foldFact(fold, fact)
  }
  const running: Run[] = []
  const paused = new Map<number, Run>()
  /** By trial, its newest attempt. */
  const newest = new Map<number, Run>()
  const start = (run: Run) => {
    const { trial, attempt } = run
    newest.set(trial, run)
    write({ kind: 'attempt-queued', trial, attempt, reason: 'test' })
    write({ kind: 'attempt-started', trial, attempt, epoch: attempt, agent: 'host', gpus: 1 })
    running.push(run)
  }
  /** By trial, the last value of every objective; empty where there is one. */
  const last = new Map<number, Record<string, number>>()
  const endTrial = (trial: number, state: 'completed' | 'pruned', reason = 'test') => {
    paused.delete(trial)
    const values = last.get(trial)
    write({ kind: 'trial-ended', trial, state, value: null, ...(values && { values }), reason })
  }
  const end = (run: Run, cause: 'succeeded' | 'pruned' | 'paused' | 'lost') => {
    running.splice(running.indexOf(run), 1)
    write({
      kind: 'attempt-ended',
      trial: run.trial,
      attempt: run.attempt,
      cause,
      message: '',
      gpuSeconds: 2,
      seconds: 2,
    })
    if (cause === 'lost') start({ ...run, attempt: run.attempt + 1, step: rng.int(0, run.step) })
    else if (cause === 'paused') paused.set(run.trial, run)
    else endTrial(run.trial, cause === 'pruned' ? 'pruned' : 'completed')
  }
  const work = () => {
    for (const run of rng.shuffle(running)) {
      run.step += 1
      const value = failures && rng.float() < 0.01 ? Number.NaN : run.quality + 1 / run.step + rng.float() / 10
      for (const { name } of document.objectives?.slice(1) ?? []) {
        const side = 1 - run.quality + rng.float() / 10
        last.set(run.trial, { ...last.get(run.trial), [document.metric!.name]: value, [name]: side })
        write({ kind: 'side-report', trial: run.trial, attempt: run.attempt, step: run.step, name, value: side })
      }
      write({ kind: 'report', trial: run.trial, attempt: run.attempt, step: run.step, ordinal: run.step, value })
      if (run.step >= steps) end(run, 'succeeded')
      else if (failures && rng.float() < 0.005) end(run, 'lost')
    }
  }

  write({ kind: 'sweep-created', seed: document.seed })
  for (;;) {
    catchUp()
    const basis = fold.foldedSeq
    const decisions = fold.pruner?.decide() ?? []
    const resumes = decisions.filter(isResume).slice(0, workers - running.length)
    const room = Math.min(workers - running.length - resumes.length, trials - fold.trials.size)
    const { suggestions } = fold.sampler.ask(room)
    const isIdle = running.length === 0 && suggestions.length === 0 && decisions.length === 0
    if (isIdle && fold.noMoreTrials) break
    if (isIdle) {
      write({ kind: 'no-more-trials', reason: 'test', basis })
      continue
    }
    // The workers do not wait for the controller: they report between its decision and the fact that records it.
    work()
    for (const { trial, attempt, verdict } of resumes) {
      const run = paused.get(trial)!
      paused.delete(trial)
      write({ kind: 'trial-resumed', trial, attempt, basis, by: BY_PRUNER, verdict })
      start({ ...run, attempt: attempt + 1, step: checkpoints ? run.step : 0 })
    }
    let number = fold.trials.size
    for (const { config, draw, reason, parent } of suggestions) {
      number += 1
      const step = parent === undefined || !checkpoints ? 0 : newest.get(parent)!.step
      const handOver = parent === undefined ? {} : { parent: { trial: parent, step } }
      write({ kind: 'trial-created', trial: number, config, source: 'sampler', basis, draw, reason, ...handOver })
      start({ trial: number, attempt: 1, step, quality: rng.float() })
    }
    for (const { kind, trial, attempt, verdict } of decisions) {
      if (kind === 'resume') continue
      const run = running.find((one) => one.trial === trial && one.attempt === attempt)
      if (run === undefined && !paused.has(trial)) continue
      const stop = kind === 'pause' ? 'paused' : 'pruned'
      write({ kind: 'stop-asked', trial, attempt, stop, basis, by: BY_PRUNER, verdict })
      if (run === undefined) endTrial(trial, 'pruned')
      else end(run, stop)
    }
  }
  for (const trial of [...paused.keys()]) endTrial(trial, 'pruned', 'left paused')
  catchUp()
  return { facts, fold }
}
