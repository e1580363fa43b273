import { createSweepFold, foldFact } from '@sweep/search/fold'
import { BY_PRUNER, isResume } from '@sweep/search/pruner'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact, FactBody } from '@sweep/spec/facts'
import type { Assignment, Searcher } from './virtual-time.ts'

/**
 * A sweep as the controller runs it, without the database: sampler and pruner are told facts as the store writes them, and
 * what they suggest and decide is carried out at once. Pausing and resuming a trial takes no time.
 *
 * @param write gets every fact, in order
 */
export function sweepSearcher(document: SweepDocument, write: (fact: Fact) => void = () => {}): Searcher {
  const fold = createSweepFold(document)
  const most = document.budget.trials ?? Number.POSITIVE_INFINITY
  const tell = (seconds: number, ...facts: readonly FactBody[]) => {
    for (const body of facts) {
      const fact = { ...body, seq: fold.foldedSeq + 1, at: new Date(seconds * 1000) }
      foldFact(fold, fact)
      write(fact)
    }
  }
  tell(0, { kind: 'sweep-created', seed: document.seed })

  const startAttempt = (seconds: number, trial: number, attempt: number): Assignment => {
    tell(
      seconds,
      { kind: 'attempt-queued', trial, attempt, reason: 'a worker is free' },
      { kind: 'attempt-started', trial, attempt, epoch: attempt, agent: 'bench', gpus: 1 },
    )
    return { trial, config: fold.trials.get(trial)!.config }
  }
  const endAttempt = (seconds: number, trial: number, cause: 'succeeded' | 'pruned' | 'paused') => {
    const attempt = fold.trials.get(trial)!.attempt!.number
    tell(seconds, { kind: 'attempt-ended', trial, attempt, cause, message: '', gpuSeconds: 0, seconds: 0 })
  }
  const endTrial = (seconds: number, trial: number, state: 'completed' | 'pruned') => {
    tell(seconds, { kind: 'trial-ended', trial, state, value: fold.trials.get(trial)!.value ?? null, reason: state })
  }

  const resume = (room: number, seconds: number) => {
    const basis = fold.foldedSeq
    const offers = (fold.pruner?.decide() ?? []).filter(isResume).slice(0, room)
    return offers.map(({ trial, attempt, verdict }) => {
      tell(seconds, { kind: 'trial-resumed', trial, attempt, basis, by: BY_PRUNER, verdict })
      return startAttempt(seconds, trial, attempt + 1)
    })
  }
  const create = (room: number, seconds: number) => {
    const count = Math.min(room, most - fold.trials.size)
    if (count === 0) return []
    const basis = fold.foldedSeq
    return fold.sampler.ask(count).suggestions.map(({ config, draw, reason }) => {
      const trial = fold.trials.size + 1
      tell(seconds, { kind: 'trial-created', trial, config, source: 'sampler', basis, draw, reason })
      return startAttempt(seconds, trial, 1)
    })
  }

  return {
    start(room, seconds) {
      const resumed = resume(room, seconds)
      const started = [...resumed, ...create(room - resumed.length, seconds)]
      if (started.length > 0 || fold.running.size > 0 || fold.noMoreTrials) return started
      // Trials may be waiting for more to be compared with.
      tell(seconds, { kind: 'no-more-trials', reason: 'the budget is used up', basis: fold.foldedSeq })
      return resume(room, seconds)
    },

    report({ trial, step, value, isLast, seconds }) {
      const { attempt, reports } = fold.trials.get(trial)!
      tell(seconds, { kind: 'report', trial, attempt: attempt!.number, step, ordinal: reports + 1, value })
      // A program that is through has ended before anybody could stop it.
      if (isLast) {
        endAttempt(seconds, trial, 'succeeded')
        endTrial(seconds, trial, 'completed')
      }
      const basis = fold.foldedSeq
      const decisions = (fold.pruner?.decide() ?? []).filter((decision) => !isResume(decision))
      for (const { kind, trial: stopped, attempt: ofStopped, verdict } of decisions) {
        const stop = kind === 'pause' ? 'paused' : 'pruned'
        tell(seconds, { kind: 'stop-asked', trial: stopped, attempt: ofStopped, stop, basis, by: BY_PRUNER, verdict })
        // A paused trial has no attempt that could be ended.
        if (fold.running.has(stopped)) endAttempt(seconds, stopped, stop)
        if (stop === 'pruned') endTrial(seconds, stopped, stop)
      }
      return decisions.map((decision) => decision.trial)
    },
  }
}
