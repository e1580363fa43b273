import { expect, test } from 'vitest'
import { documentOf } from '../testing/documents.ts'
import { spaceOf } from '../testing/spaces.ts'
import { type Training, trainPopulation } from '../testing/trained-population.ts'

/**
 * The toy problem of Jaderberg et al. 2017, figure 2: Q = 1.2 - (θ0² + θ1²) is to be maximised from
 * θ = (0.9, 0.9), by gradient ascent on 1.2 - (h0 θ0² + h1 θ1²), of which only one h may be above 0. A member that keeps
 * its h can't get past 1.2 - 0.9² = 0.39.
 */
const toy: Training<readonly [number, number]> = {
  start: [0.9, 0.9],
  steps: 200,
  stepped([a, b], { active, h }) {
    const kept = 1 - 2 * RATE * (h as number)
    return active === 0 ? [a * kept, b] : [a, b * kept]
  },
  value: ([a, b]) => 1.2 - (a ** 2 + b ** 2),
}
const RATE = 0.05
const MEMBERS = 8
const SEEDS = 20

/** Over `SEEDS` sweeps, of the highest Q: the mean and the lowest. */
function trained(overrides: object, handsOver = true): { mean: number; least: number } {
  const space = spaceOf(
    { name: 'active', type: 'choice', values: [0, 1] },
    { name: 'h', type: 'float', min: 0, max: 1 },
  )
  const metric = { name: 'Q', goal: 'maximize' }
  const values = Array.from({ length: SEEDS }, (_, seed) => {
    return Math.max(...trainPopulation(documentOf({ space, metric, seed, ...overrides }), toy, MEMBERS, handsOver))
  })
  return { mean: values.reduce((sum, value) => sum + value, 0) / SEEDS, least: Math.min(...values) }
}

const pbt = { method: 'pbt', pbt: { population: MEMBERS, interval: 5 } }

test('a population comes close to the optimum of 1.2, which no config alone can', () => {
  const { mean, least } = trained(pbt)
  expect(mean).toBeCloseTo(1.2, 2)
  expect(least).toBeGreaterThan(1.1)
})

test('without the hand-over of checkpoints, or by random search in as many steps, nobody gets past 0.39', () => {
  expect(trained(pbt, false).mean).toBeLessThanOrEqual(0.39)
  const random = trained({ method: 'random' })
  expect(random.mean).toBeLessThanOrEqual(0.39)
  expect(random.mean).toBeGreaterThan(0.38)
})
