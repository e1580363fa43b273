import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { nothingObserved, type Observations, observe } from '../observations/observations.ts'
import { created, report } from '../testing/histories.ts'
import { isFlat, ranked, rankWeights } from './generation.ts'
import { strategyOf } from './strategy.ts'

function observed(ends: readonly (readonly ['completed' | 'pruned' | 'failed', step: number, value: number | null])[]) {
  const facts: FactBody[] = ends.flatMap(([state, step, value], index) => [
    created(index + 1, {}, index),
    report(index + 1, step, value ?? 0),
    { kind: 'trial-ended', trial: index + 1, state, value, reason: 'test' },
  ])
  const settings = { goal: 'minimize', levels: { unit: 'step', bounds: [1, 3] } } as const
  return facts.reduce<Observations>((state, fact) => observe(state, [], settings, fact), nothingObserved(settings))
}

test('completed trials come first, then pruned ones by how far they got, then failed ones', () => {
  const observations = observed([
    ['failed', 9, null],
    ['pruned', 1, 0],
    ['completed', 9, 5],
    ['pruned', 3, 7],
    ['completed', 9, 4],
    ['completed', 9, Number.NaN],
    ['pruned', 3, 6],
  ])
  expect(ranked(observations, [1, 2, 3, 4, 5, 6, 7]).map(({ trial }) => trial)).toEqual([5, 3, 7, 4, 2, 1, 6])
})

test('equals share their weights', () => {
  const strategy = strategyOf(3, 6)
  const order = ranked(
    observed([1, 1, 2, 3, 3, 3].map((value) => ['completed', 1, value] as const)),
    [1, 2, 3, 4, 5, 6],
  )
  const { weights, means } = rankWeights(strategy, order)
  expect(weights[0]).toBe((strategy.weights[0]! + strategy.weights[1]!) / 2)
  expect(weights[1]).toBe(weights[0])
  expect(weights[2]).toBe(strategy.weights[2])
  expect(weights[5]).toBe(weights[3])
  expect(means.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12)
})

test('a generation is flat when most of it is as good as its best', () => {
  const flat = (values: readonly number[]) =>
    isFlat(
      ranked(
        observed(values.map((value) => ['completed', 1, value] as const)),
        values.map((_, i) => i + 1),
      ),
    )
  expect(flat([1, 1, 1, 1, 1, 1, 1, 2, 3, 4])).toBe(true)
  expect(flat([1, 1, 1, 1, 1, 1, 2, 2, 3, 4])).toBe(false)
})
