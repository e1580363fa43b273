import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { hasSuiteFile, SUITE_FOLDER } from '../search/suite.ts'
import type { Entrant } from './outcomes.ts'
import { type ByTarget, ROUNDS, TARGET_NAMES, type TargetName } from './protocol.ts'

export const BASELINES_FILE = 'baselines/multifidelity.json'
/** The same methods on the other tasks and with more seeds: scripts/multifidelity-baselines.py says how. */
const FURTHER_FILE = resolve('test/bench/multifidelity/fixtures/further-baselines.json')

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
  return hasSuiteFile(BASELINES_FILE) ? parseBaselines(join(SUITE_FOLDER, BASELINES_FILE)) : []
}

/** Those and what was measured since; of two measurements of the same the one with more seeds. */
export function readAllBaselines(): readonly Baseline[] {
  return withMostSeeds([...readBaselines(), ...parseBaselines(FURTHER_FILE)])
}

export function withMostSeeds(baselines: readonly Baseline[]): readonly Baseline[] {
  const byPlace = new Map<string, Baseline>()
  for (const baseline of baselines) {
    const place = [baseline.task, baseline.method, baseline.workers].join(' ')
    const other = byPlace.get(place)
    if (other === undefined || other.runs.length < baseline.runs.length) byPlace.set(place, baseline)
  }
  return [...byPlace.values()]
}

function parseBaselines(file: string): Baseline[] {
  const { results } = Baselines.parse(JSON.parse(readFileSync(file, 'utf8')))
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
