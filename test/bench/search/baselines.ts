import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { Entrant, Outcomes } from './outcomes.ts'
import { hasSuiteFile, SUITE_FOLDER } from './suite.ts'

const FILE = 'baselines/sequential.json'

const Baselines = z.object({
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

/**
 * The samplers of other libraries as they were measured, one seed a row; undefined without the suite's files.
 *
 * @param workers how many trials ran at once
 */
export function readBaselines(workers: number): readonly Entrant[] | undefined {
  if (!hasSuiteFile(FILE)) return undefined
  const { results } = Baselines.parse(JSON.parse(readFileSync(join(SUITE_FOLDER, FILE), 'utf8')))
  const bySampler = new Map<string, Map<string, Outcomes>>()
  for (const { task, sampler, parallel, budgets, per_seed } of results) {
    // Random search learns nothing, so it was measured with one worker and holds for any number.
    if (parallel !== workers && sampler !== 'random') continue
    const byTask = bySampler.get(sampler) ?? new Map<string, Outcomes>()
    bySampler.set(sampler, byTask.set(task, { budgets, regrets: per_seed }))
  }
  return [...bySampler].map(([label, byTask]) => ({ label, byTask }))
}
