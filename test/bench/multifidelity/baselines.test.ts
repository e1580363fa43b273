import { expect, test } from 'vitest'
import { type Baseline, readAllBaselines, withMostSeeds } from './baselines.ts'

function baseline(method: string, workers: number, seeds: number): Baseline {
  const hit = { 'top10%': 1, 'top2%': null, 'top0.5%': null }
  const targets = { 'top10%': 3, 'top2%': 2, 'top0.5%': 1 }
  const runs = Array.from({ length: seeds }, (_, seed) => ({ seed, hit, trials: 1, steps: 1 }))
  return { task: 'lc_lm', method, workers, targets, fullSeconds: 10, runs }
}

test('of two measurements of the same the one with more seeds stays', () => {
  const kept = withMostSeeds([baseline('a', 1, 5), baseline('a', 8, 15), baseline('a', 1, 20), baseline('a', 8, 3)])
  expect(kept.map(({ workers, runs }) => [workers, runs.length])).toEqual([
    [1, 20],
    [8, 15],
  ])
})

test('there is one method at least with 20 seeds on every task, with 1, 8 and 32 workers', () => {
  const asha = readAllBaselines().filter(({ method }) => method === 'st-asha')
  expect(asha).toHaveLength(7 * 3)
  for (const { runs } of asha) expect(runs).toHaveLength(20)
})
