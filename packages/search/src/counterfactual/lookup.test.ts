import type { Fact } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { documentOf } from '../testing/documents.ts'
import { created, ended, report, started, trialEnded } from '../testing/histories.ts'
import { simulateSweep } from '../testing/simulated-sweep.ts'
import { spaceOf } from '../testing/spaces.ts'
import { lookup } from './lookup.ts'

const space = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })
const document = documentOf({ space })

function recordOf(points: readonly (readonly [x: number, y: number, value: number])[]): Fact[] {
  const bodies = points.flatMap(([x, y, value], index) => {
    const trial = index + 1
    return [created(trial, { x, y }, index), started(trial), report(trial, 1, value), ended(trial), trialEnded(trial)]
  })
  return bodies.map((body, index) => ({ ...body, seq: index + 1, at: new Date(index) }))
}

/** A bowl with its lowest point at (0.3, 0.7). */
function bowl(count: number, seed: number): Fact[] {
  const rng = rngFor(seed, 0, 'points')
  return recordOf(
    Array.from({ length: count }, () => {
      const [x, y] = [rng.float(), rng.float()]
      return [x, y, (x - 0.3) ** 2 + (y - 0.7) ** 2] as const
    }),
  )
}

test('what an order by lot brings is that of all orders', () => {
  const found = lookup(
    document,
    recordOf([
      [0.1, 0.1, 3],
      [0.2, 0.2, 1],
      [0.3, 0.3, 7],
      [0.4, 0.4, 5],
    ]),
    [],
  )
  // Best of 1, 2 and 3 of {1, 3, 5, 7}: over all subsets of that size.
  expect(found.anyOrder.bestAfter).toEqual([4, expect.closeTo(14 / 6), expect.closeTo(1.5)])
  expect(found.anyOrder.trialsToBest).toEqual({ mean: 2.5, least: 1, most: 4 })
  expect(found.recorded).toEqual({ bestAfter: [3, 1, 1], trialsToBest: { mean: 2, least: 2, most: 2 } })
})

test('values are those of the goal', () => {
  const maximize = documentOf({ space, metric: { name: 'loss', goal: 'maximize' } })
  const found = lookup(
    maximize,
    recordOf([
      [0.1, 0.1, 3],
      [0.2, 0.2, 1],
      [0.3, 0.3, 7],
      [0.4, 0.4, 5],
    ]),
    [],
  )
  expect(found.recorded).toMatchObject({ bestAfter: [3, 3, 7], trialsToBest: { mean: 3 } })
  expect(found.anyOrder.bestAfter[0]).toBe(4)
})

test('a sampler that learns comes to the best of a bowl sooner than by lot', () => {
  for (const method of ['tpe', 'gp'] as const) {
    const means = [1, 2, 3].map((seed) => {
      const { outcomes, anyOrder } = lookup(document, bowl(60, seed), [method], 5)
      return outcomes[0]!.trialsToBest.mean / anyOrder.trialsToBest.mean
    })
    expect(means.reduce((sum, one) => sum + one, 0) / 3, method).toBeLessThan(0.8)
  }
})

test('a sampler that learns nothing comes to it as if by lot', () => {
  const ratios = [1, 2, 3, 4, 5, 6].map((seed) => {
    const { outcomes, anyOrder } = lookup(document, bowl(30, seed), ['random'], 10)
    return outcomes[0]!.trialsToBest.mean / anyOrder.trialsToBest.mean
  })
  const mean = ratios.reduce((sum, one) => sum + one, 0) / ratios.length
  expect(mean).toBeGreaterThan(0.7)
  expect(mean).toBeLessThan(1.4)
})

test('the same record, method and seed give the same figures, and every trial is tried once', () => {
  const facts = bowl(20, 4)
  const once = lookup(document, facts, ['tpe', 'cmaes', 'evolution', 'auto'], 2)
  expect(lookup(document, facts, ['tpe', 'cmaes', 'evolution', 'auto'], 2)).toEqual(once)
  for (const { trialsToBest, distance, bestAfter } of once.outcomes) {
    expect(trialsToBest.most).toBeLessThanOrEqual(20)
    expect(distance).toBeGreaterThan(0)
    expect(distance).toBeLessThan(1)
    // The best so far only gets better.
    expect([...bestAfter].sort((a, b) => b! - a!)).toEqual(bestAfter)
  }
})

test('trials without a value are left out, and a record without any has nothing to tell', () => {
  const failed = [created(1, { x: 0, y: 0 }, 0), started(1), ended(1, 1, 'user-error'), trialEnded(1, 'failed')]
  const facts = failed.map((body, index) => ({ ...body, seq: index + 1, at: new Date(index) }))
  expect(lookup(document, facts, ['tpe'], 2)).toMatchObject({
    ...{
      trials: 0,
      leftOut: 1,
      recorded: { bestAfter: [null, null, null] },
      anyOrder: { bestAfter: [null, null, null] },
    },
  })
})

test('it goes through pruned, lost and retried trials, conditions and choices', () => {
  const mixed = documentOf({ earlyTerminate: { type: 'asha' } })
  const { facts } = simulateSweep(mixed, 30, 4, { steps: 20 }, rngFor(9, 0, 'workers'))
  const { trials, outcomes } = lookup(mixed, facts, ['tpe', 'gp', 'nsga2'], 2)
  expect(trials).toBe(30)
  for (const { trialsToBest } of outcomes) expect(trialsToBest.most).toBeLessThanOrEqual(30)
})
