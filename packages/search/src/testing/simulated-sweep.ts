import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody } from '@sweep/spec/facts'
import { createSweepFold, foldFact, type SweepFold } from '../fold.ts'
import { BY_PRUNER } from '../pruner.ts'
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

/**
 * A controller and some workers, without a database: trials are created and stopped as the fold says, in batches and with
 * facts of the workers in between, so that a decision's basis often lies behind its fact. Some attempts are lost.
 *
 * @param steps reports of a full trial
 * @param rng decides what the workers do, not what the sweep does
 */
export function simulateSweep(
  document: SweepDocument,
  trials: number,
  workers: number,
  steps: number,
  rng: Rng,
): Simulated {
  const facts: Fact[] = []
  const fold = createSweepFold(document)
  const write = (body: FactBody) => facts.push({ ...body, seq: facts.length + 1, at: new Date(facts.length) })
  const catchUp = () => {
    for (const fact of facts.slice(fold.foldedSeq)) foldFact(fold, fact)
  }
  const running: Run[] = []
  const start = (trial: number, attempt: number, step: number) => {
    write({ kind: 'attempt-queued', trial, attempt, reason: 'test' })
    write({ kind: 'attempt-started', trial, attempt, epoch: attempt, agent: 'host', gpus: 1 })
    running.push({ trial, attempt, step, quality: rng.float() })
  }
  const end = (run: Run, cause: 'succeeded' | 'pruned' | 'lost') => {
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
    if (cause === 'lost') return start(run.trial, run.attempt + 1, rng.int(0, run.step))
    const state = cause === 'pruned' ? 'pruned' : 'completed'
    write({ kind: 'trial-ended', trial: run.trial, state, value: null, reason: 'test' })
  }
  const work = () => {
    for (const run of rng.shuffle(running)) {
      run.step += 1
      const value = rng.float() < 0.01 ? Number.NaN : run.quality + 1 / run.step + rng.float() / 10
      write({ kind: 'report', trial: run.trial, attempt: run.attempt, step: run.step, ordinal: run.step, value })
      if (run.step >= steps) end(run, 'succeeded')
      else if (rng.float() < 0.005) end(run, 'lost')
    }
  }

  write({ kind: 'sweep-created', seed: document.seed })
  for (;;) {
    catchUp()
    const basis = fold.foldedSeq
    const room = Math.min(workers - running.length, trials - fold.trials.size)
    const { suggestions } = fold.sampler.ask(room)
    const decisions = fold.pruner?.decide() ?? []
    if (room > 0 && suggestions.length === 0 && running.length === 0) break
    if (room <= 0 && running.length === 0) break
    // The workers do not wait for the controller: they report between its decision and the fact that records it.
    work()
    let number = fold.trials.size
    for (const { config, draw, reason } of suggestions) {
      number += 1
      write({ kind: 'trial-created', trial: number, config, source: 'sampler', basis, draw, reason })
      start(number, 1, 0)
    }
    for (const { trial, attempt, verdict } of decisions) {
      const run = running.find((candidate) => candidate.trial === trial && candidate.attempt === attempt)
      if (run === undefined) continue
      write({ kind: 'stop-asked', trial, attempt, stop: 'pruned', basis, by: BY_PRUNER, verdict })
      end(run, 'pruned')
    }
  }
  catchUp()
  return { facts, fold }
}
