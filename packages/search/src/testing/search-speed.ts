import type { EarlyTerminate } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { isResume } from '../pruner.ts'
import { rngFor } from '../rng.ts'
import { createSearch } from '../search.ts'
import { documentOf } from './documents.ts'
import { carriedOut, created, ended, report, started } from './histories.ts'

export interface SearchSpeed {
  readonly trials: number
  readonly facts: number
  /** Median microseconds of one call, over the last tenth of the trials. */
  readonly askMicros: number
  readonly tellMicros: number
  readonly decideMicros: number
  /** The longest decide of all. */
  readonly slowestDecideMicros: number
  readonly totalMs: number
}

/**
 * Times sampler and pruner over a sweep with 16 trials running at once and up to 30 reports each.
 *
 * @param now a clock in milliseconds with microsecond resolution
 */
export function measureSearch(earlyTerminate: EarlyTerminate, trials: number, now: () => number): SearchSpeed {
  let { sampler, pruner } = createSearch(documentOf({ earlyTerminate }))
  const rng = rngFor(1, trials, 'speed')
  const times = { ask: [] as number[], tell: [] as number[], decide: [] as number[] }
  let facts = 0
  const tell = (fact: FactBody) => {
    const begin = now()
    sampler = sampler.tell(fact)
    pruner = pruner?.tell(fact)
    times.tell.push(now() - begin)
    facts += 1
  }
  const decide = () => {
    const begin = now()
    const decisions = pruner!.decide()
    times.decide.push(now() - begin)
    return decisions
  }

  const begin = now()
  const running = new Map<number, { quality: number; step: number; attempt: number }>()
  const paused: typeof running = new Map()
  let number = 0
  while (number < trials || running.size > 0) {
    for (const resume of decide()
      .filter(isResume)
      .slice(0, 16 - running.size)) {
      const { step, quality, attempt } = paused.get(resume.trial)!
      running.set(resume.trial, { step, quality, attempt: attempt + 1 })
      tell(carriedOut(resume))
      tell(started(resume.trial, attempt + 1))
    }
    while (running.size < 16 && number < trials) {
      const asked = now()
      const [suggestion] = sampler.ask(1).suggestions
      times.ask.push(now() - asked)
      number += 1
      tell(created(number, suggestion!.config, suggestion!.draw))
      tell(started(number))
      running.set(number, { quality: rng.float(), step: 0, attempt: 1 })
    }
    for (const [trial, run] of running) {
      run.step += 1
      tell(report(trial, run.step, run.quality + rng.float() / run.step, run.attempt))
      for (const decision of decide()) {
        if (isResume(decision)) break
        tell(carriedOut(decision))
        const stopped = running.get(decision.trial)
        if (stopped === undefined) continue
        running.delete(decision.trial)
        paused.set(decision.trial, stopped)
        tell(ended(decision.trial, decision.attempt, decision.kind === 'pause' ? 'paused' : 'pruned'))
      }
      if (run.step >= 30 && running.delete(trial)) tell(ended(trial, run.attempt))
    }
  }
  const totalMs = now() - begin
  return {
    trials,
    facts,
    askMicros: lateMedian(times.ask),
    tellMicros: lateMedian(times.tell),
    decideMicros: lateMedian(times.decide),
    slowestDecideMicros: times.decide.reduce((most, time) => Math.max(most, time), 0) * 1000,
    totalMs,
  }
}

function lateMedian(times: readonly number[]): number {
  const late = times.slice(Math.floor(times.length * 0.9)).sort((a, b) => a - b)
  return late[Math.floor(late.length / 2)]! * 1000
}
