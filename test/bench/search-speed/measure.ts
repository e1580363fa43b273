import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSweepFold, foldFact } from '@sweep/search/fold'
import type { SamplerRun } from '@sweep/search/sampler'
import { createSearch } from '@sweep/search/search'
import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Fact } from '@sweep/spec/facts'
import { median } from '../search/statistics.ts'
import { finishedTrial, finishedTrials, mixedDocument } from './mixed-sweep.ts'

type Method = SweepDocument['method']

/** Calls before the first that counts, which the compiler needs to see what is hot. */
const WARM_UP = 10
/** Calls that are timed however long they take. */
const FEWEST = 5

export interface CallTimes {
  /** Milliseconds of processor time of each ask for one suggestion with the tells of its trial from start to end. */
  readonly calls: readonly number[]
  /** Milliseconds of the reference loop beside them. */
  readonly reference: number
}

/**
 * Ask and tell when so many trials are finished already.
 *
 * @param limitMs no further call is made after so long, once the fewest were
 */
export function measureCalls(method: Method, finished: number, calls: number, limitMs: number): CallTimes {
  let { sampler } = createSearch(mixedDocument(method))
  for (const fact of finishedTrials(finished)) sampler = sampler.tell(fact)
  const times: number[] = []
  const references = [referenceLoop()]
  const begin = performance.now()
  for (let call = 0; call < WARM_UP + calls; call += 1) {
    if (times.length >= FEWEST && performance.now() - begin > limitMs) break
    const callBegin = processorMs()
    sampler = askAndTell(sampler, finished + call + 1)
    if (call >= WARM_UP) times.push(processorMs() - callBegin)
    if (call % 10 === 0) references.push(referenceLoop())
  }
  return { calls: times, reference: median(references) }
}

function askAndTell(sampler: SamplerRun, trial: number): SamplerRun {
  const [suggestion] = sampler.ask(1).suggestions
  return finishedTrial(trial, suggestion!.config).reduce((run, fact) => run.tell(fact), sampler)
}

/** Milliseconds of a fixed piece of arithmetic, so that figures of different machines can be compared. */
function referenceLoop(): number {
  const begin = processorMs()
  let sum = 0
  for (let i = 1; i <= 200_000; i += 1) sum += Math.log(i) * Math.sqrt(i)
  // Used, or the compiler might leave it out.
  if (!Number.isFinite(sum)) throw new Error('the reference loop has overflown')
  return processorMs() - begin
}

/** Processor time of this process, collecting garbage included: what else runs on the machine is not in it. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Milliseconds in which a controller that starts again folds so many facts. */
export function measureReplay(method: Method, count: number): number {
  const facts: Fact[] = []
  for (const body of finishedTrials(count)) {
    if (facts.length === count) break
    facts.push({ ...body, seq: facts.length + 1, at: new Date(0) })
  }
  const fold = createSweepFold(mixedDocument(method))
  const begin = processorMs()
  for (const fact of facts) foldFact(fold, fact)
  return processorMs() - begin
}

/** Megabytes of heap that this process holds while a controller has a sweep with so many finished trials in hand. */
export function measureMemory(method: Method, finished: number): number {
  const fold = createSweepFold(mixedDocument(method))
  for (const body of finishedTrials(finished)) foldFact(fold, { ...body, seq: fold.foldedSeq + 1, at: new Date(0) })
  // What a sampler keeps for its next suggestion counts too.
  const { suggestions } = fold.sampler.ask(1)
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  collect()
  const { heapUsed } = process.memoryUsage()
  // Read after the collection, so that it could not collect the fold.
  if (fold.counts.completed !== finished || suggestions.length !== 1) throw new Error('the sweep is not what was told')
  return heapUsed / 2 ** 20
}
