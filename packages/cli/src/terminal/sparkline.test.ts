import { expect, test } from 'vitest'
import { sparkline } from './sparkline.ts'

test('higher is taller, the lowest and highest use the whole range', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8)).toBe('▁▂▃▄▅▆▇█')
})

test('more values than columns share bars, and the last value is always the last bar', () => {
  const bars = sparkline(
    Array.from({ length: 100 }, (_, i) => i),
    10,
  )
  expect(bars).toHaveLength(10)
  expect(bars.endsWith('█')).toBe(true)
})

test('flat, empty and not finite values draw without an error', () => {
  expect(sparkline([5, 5], 4)).toBe('▁▁')
  expect(sparkline([], 4)).toBe('')
  expect(sparkline([Number.NaN, 1, Number.POSITIVE_INFINITY, 2], 4)).toBe('▁█')
})
