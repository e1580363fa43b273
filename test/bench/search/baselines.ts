import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import parallel from './fixtures/parallel-baselines.json' with { type: 'json' }
import type { Baseline, Outcomes } from './outcomes.ts'
import { hasSuiteFile, SUITE_FOLDER } from './suite.ts'

const FILE = 'baselines/sequential.json'

const Measured = z.object({
  /** By the word that the names of a library's samplers begin with. */
  versions: z.record(z.string(), z.string()),
  results: z.array(
    z.object({
      task: z.string(),
      sampler: z.string(),
      parallel: z.int(),
      budgets: z.array(z.int()),
      per_seed: z.array(z.array(z.number())),
    }),
  ),
})

/** Without the suite's files there is nothing of one trial at a time, nor of random search. */
export function hasSuiteBaselines(): boolean {
  return hasSuiteFile(FILE)
}

/**
 * The samplers of other libraries as they were measured, one seed a row.
 *
 * With many trials at once the suite's own figures are of four of its tasks. Those in the folder beside this file are of all
 * (scripts/parallel-baselines.mjs), so they stand for them.
 *
 * @param workers how many trials ran at once
 */
export function readBaselines(workers: number): readonly Baseline[] {
  const ofAllTasks = baselinesOf(parallel, workers)
  if (!hasSuiteBaselines()) return ofAllTasks
  const ofSuite = baselinesOf(JSON.parse(readFileSync(join(SUITE_FOLDER, FILE), 'utf8')), workers)
  return [...ofAllTasks, ...ofSuite.filter(({ label }) => !ofAllTasks.some((other) => other.label === label))]
}

function baselinesOf(file: unknown, workers: number): readonly Baseline[] {
  const { versions, results } = Measured.parse(file)
  const bySampler = new Map<string, Map<string, Outcomes>>()
  for (const { task, sampler, parallel, budgets, per_seed } of results) {
    // Random search learns nothing, so it was measured with one worker and holds for any number.
    if (parallel !== workers && sampler !== 'random') continue
    const byTask = bySampler.get(sampler) ?? new Map<string, Outcomes>()
    bySampler.set(sampler, byTask.set(task, { budgets, regrets: per_seed }))
  }
  return [...bySampler].map(([label, byTask]) => ({ label, byTask, version: versions[label.split('-')[0]!] }))
}
