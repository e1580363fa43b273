import { z } from 'zod'
import file from './baselines.json' with { type: 'json' }
import type { Entrant } from './entrant.ts'

const share = z.number().min(0).max(1)

const Baselines = z.strictObject({
  about: z.string(),
  results: z.array(z.strictObject({ task: z.string(), sampler: z.string(), shares: z.tuple([share, share, share]) })),
})

/** Optuna's samplers as they were measured once on the same tasks; the file says how. */
export function readBaselines(): readonly Entrant[] {
  const { results } = Baselines.parse(file)
  return [...new Set(results.map(({ sampler }) => sampler))].map((sampler) => ({
    label: `optuna ${sampler}`,
    byTask: new Map(
      results
        .filter((result) => result.sampler === sampler)
        .map(({ task, shares: [few, some, many] }) => [task, { 50: few, 100: some, 200: many }]),
    ),
  }))
}
