import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import { type Combination, documentOf } from './combination.ts'
import type { FidelityTask } from './fidelity-task.ts'
import { type ByTarget, byTarget, HARDEST, MOST_TRIALS, ROUNDS, rungsOf } from './protocol.ts'
import { sweepSearcher } from './sweep-searcher.ts'
import { type Searcher, type Simulated, secondsTo, simulate } from './virtual-time.ts'

/** Times to the targets in full trainings; undefined for those not reached within the budget. */
export type Times = ByTarget<number | undefined>

/** One combination with one seed, within the budget that the protocol gives to this many workers. */
export async function measureTimes(
  combination: Combination,
  task: FidelityTask,
  workers: number,
  seed: number,
): Promise<Times> {
  const searcher = sweepSearcher(documentOf(combination, task, seed, { trials: MOST_TRIALS }))
  const { incumbents } = await simulateBudget(searcher, task, workers)
  return byTarget((name) => {
    const seconds = secondsTo(task.targets[name], incumbents)
    return seconds === undefined ? undefined : seconds / task.fullSeconds
  })
}

/** A searcher on a task for as long as the protocol gives to this many workers. */
export function simulateBudget(searcher: Searcher, task: FidelityTask, workers: number): Promise<Simulated> {
  return simulate(searcher, task.trainingOf, {
    workers,
    rungs: rungsOf(task.maxResource),
    endSeconds: ROUNDS.get(workers)! * task.fullSeconds,
  })
}

/** The time to the hardest target, in full trainings, however long it takes. */
export async function measureToHardest(
  combination: Combination,
  task: FidelityTask,
  workers: number,
  seed: number,
): Promise<number> {
  const target = task.targets[HARDEST]
  const unlimited: SweepDocument['budget'] = {}
  const { incumbents } = await simulate(
    sweepSearcher(documentOf(combination, task, seed, unlimited)),
    task.trainingOf,
    {
      workers,
      rungs: rungsOf(task.maxResource),
      endSeconds: Number.POSITIVE_INFINITY,
      enough: target,
    },
  )
  return secondsTo(target, incumbents)! / task.fullSeconds
}
