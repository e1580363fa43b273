import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ThinnedSeries } from './thinned-series.ts'

test('the first and the newest points stay as they came, those between as means, and memory is bounded', () => {
  const series = new ThinnedSeries()
  for (let n = 0; n < 100_000; n += 1) series.add(n, n * 10, n)
  expect(series.values.length).toBeLessThanOrEqual(480)
  expect(series.values.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  expect(series.values.slice(-220)).toEqual(Array.from({ length: 220 }, (_, n) => 99_780 + n))
  const middle = series.steps.findIndex((step) => step > 50_000)
  expect(Math.abs((series.values[middle] ?? 0) - (series.steps[middle] ?? 0))).toBeLessThan(600)
  expect(series.steps).toEqual([...series.steps].sort((a, b) => a - b))
  expect(series.times).toEqual(series.steps.map((step) => step * 10))
})

test('whatever is added and cut away, steps rise, the newest point is there and nothing else grows', () => {
  const part = fc.record({ count: fc.nat({ max: 2000 }), back: fc.nat({ max: 2500 }) })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const series = new ThinnedSeries()
      let step = 0
      for (const { count, back } of parts) {
        step = Math.max(0, step - back)
        series.cutFrom(step)
        expect(series.steps.every((known) => known < step)).toBe(true)
        for (let n = 0; n < count; n += 1, step += 1) series.add(step, step, n % 7 === 0 ? Number.NaN : step)
        if (count > 0) expect(series.steps.at(-1)).toBe(step - 1)
        expect(series.values.length).toBeLessThanOrEqual(480)
        expect(series.steps).toEqual([...series.steps].sort((a, b) => a - b))
        const finite = series.values.filter(Number.isFinite)
        expect(finite.every((value) => value >= 0 && value < step)).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})
