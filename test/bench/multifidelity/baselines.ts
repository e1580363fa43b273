import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { hasSuiteFile, SUITE_FOLDER } from '../search/suite.ts'
import type { Entrant } from './outcomes.ts'
import { type ByTarget, ROUNDS, TARGET_NAMES, type TargetName } from './protocol.ts'

export const BASELINES_FILE = 'baselines/multifidelity.json'

const byTarget = <T extends z.ZodType>(value: T) =>
  z.record(z.enum(TARGET_NAMES as [TargetName, ...TargetName[]]), value)

const Baselines = z.object({
  results: z.array(
    z.object({
      task: z.string(),
      method: z.string(),
      workers: z.int(),
      targets: byTarget(z.number()),
      median_full_seconds: z.number(),
      runs: z.array(z.object({ seed: z.int(), hit: byTarget(z.number().nullable()), trials: z.int(), steps: z.int() })),
    }),
  ),
})

/** One method of another library on one task with some number of workers. */
export interface Baseline {
  readonly task: string
  readonly method: string
  readonly workers: number
  readonly targets: ByTarget<number>
  readonly fullSeconds: number
  readonly runs: readonly BaselineRun[]
}

export interface BaselineRun {
  readonly seed: number
  /** Seconds, rounded to milliseconds; null when the target was not reached. */
  readonly hit: ByTarget<number | null>
  readonly trials: number
  readonly steps: number
}

/** What the suite's authors measured; nothing without its files. */
export function readBaselines(): readonly Baseline[] {
  if (!hasSuiteFile(BASELINES_FILE)) return []
  const { results } = Baselines.parse(JSON.parse(readFileSync(join(SUITE_FOLDER, BASELINES_FILE), 'utf8')))
  return results.map(({ median_full_seconds, ...rest }) => ({ ...rest, fullSeconds: median_full_seconds }))
}

/** The baselines as entrants, in the order of their names. */
export function baselineEntrants(baselines: readonly Baseline[]): Entrant[] {
  const methods = [...new Set(baselines.map(({ method }) => method))].sort()
  return methods.map((label) => ({
    label,
    hitsAt: ({ task, workers, target }) => {
      const found = baselines.find(
        (baseline) => baseline.method === label && baseline.task === task && baseline.workers === workers,
      )
      const budget = ROUNDS.get(workers)
      if (found === undefined || budget === undefined) return undefined
      const times = found.runs.map(({ hit }) => {
        const seconds = hit[target]
        return seconds === null ? undefined : seconds / found.fullSeconds
      })
      return { times, budget }
    },
  }))
}
