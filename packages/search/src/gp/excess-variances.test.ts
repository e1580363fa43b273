import { expect, test } from 'vitest'
import { excessVariances } from './excess-variances.ts'

test('only what is noisier than most counts, a third of it, on the scale of the targets', () => {
  const variances = excessVariances([0.1, 0.2, 0.3, 0, 0.2], Float64Array.of(1, 1, 2, 1, 1))
  expect([...variances]).toEqual([0, 0, expect.closeTo(((0.3 ** 2 - 0.2 ** 2) / 3) * 4, 12), 0, 0])
})

test('without spreads, and with equal ones, there is nothing', () => {
  expect([...excessVariances([0, 0], Float64Array.of(1, 1))]).toEqual([0, 0])
  expect([...excessVariances([2, 2, 2], Float64Array.of(1, 1, 1))]).toEqual([0, 0, 0])
})

test('of the largest doubles it is bounded', () => {
  const spreads = [1, 1, Number.MAX_VALUE]
  expect([...excessVariances(spreads, Float64Array.of(1, 1, 1))]).toEqual([0, 0, 100])
  expect([...excessVariances(spreads, Float64Array.of(1, 1, 0))]).toEqual([0, 0, expect.any(Number)])
  expect([...excessVariances(spreads, Float64Array.of(1, 1, Number.POSITIVE_INFINITY))]).toEqual([0, 0, 100])
})
