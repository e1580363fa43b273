import { expect, test } from 'vitest'
import { type CompletedTrials, noneCompleted, priorOf, withCompleted } from './completed-trials.ts'

const completed = (pairs: readonly (readonly [first: number, end: number])[]): CompletedTrials =>
  pairs.reduce(
    (trials, [first, end], i) => withCompleted(trials, i + 1, { first, end, resource: 10 + i }),
    noneCompleted,
  )

test('medians and spreads are those of the trials', () => {
  const trials = completed([
    [10, 1],
    [10, 2],
    [10, 3],
    [10, 5],
    [10, 9],
  ])
  expect(trials.longest).toBe(14)
  // Quartiles 2 and 5 of the ends, 5 and 8 of the drops.
  expect(priorOf(trials)).toEqual({ scale: 7, end: 3, endSpread: 3 / 1.349, drop: 7, dropSpread: 3 / 1.349 })
})

test('a few diverged trials do not move them', () => {
  const usual = [1, 2, 3, 4, 5, 6, 7].map((end) => [10, end] as const)
  const scale = priorOf(completed(usual))!.scale
  expect(priorOf(completed([...usual, [10, 1e9]]))!.scale).toBeLessThan(2 * scale)
})

test('the scale is the largest of drop and spreads, also of losses that rise', () => {
  expect(priorOf(completed([[1, 5]]))).toEqual({ scale: 4, end: 5, endSpread: 0, drop: -4, dropSpread: 0 })
  expect(
    priorOf(
      completed([
        [1, 1],
        [9, 9],
      ]),
    )?.scale,
  ).toBe(4 / 1.349)
})

test('of losses that are all the same there is nothing to measure by', () => {
  expect(
    priorOf(
      completed([
        [1, 1],
        [1, 1],
      ]),
    ),
  ).toBeUndefined()
})
