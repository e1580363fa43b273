import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareMetrics, isWithin } from './compare-metrics.ts'

const series = (name: string, values: readonly number[], steps = values.map((_, index) => index + 1)) => ({
  name,
  steps: [...steps],
  values: [...values],
})

test('a run is the same as itself to the last bit, whatever it reported', () => {
  fc.assert(
    fc.property(fc.array(fc.double(), { minLength: 1 }), (values) => {
      const [compared] = compareMetrics([series('loss', values)], [series('loss', values)])
      expect(compared).toMatchObject({ steps: values.length, identical: values.length, missing: 0, extra: 0 })
      expect(compared!.worst).toMatchObject({ absolute: 0, relative: 0 })
      expect(isWithin(compared!, 0)).toBe(true)
    }),
  )
})

test('one bit is a difference', () => {
  const value = 0.1 + 0.2
  const [compared] = compareMetrics([series('loss', [1, 0.3])], [series('loss', [1, value])])
  expect(compared).toMatchObject({ steps: 2, identical: 1, worst: { step: 2, absolute: value - 0.3 } })
  expect(isWithin(compared!, 0)).toBe(false)
  expect(isWithin(compared!, 1e-15)).toBe(true)
})

test('steps are compared with steps, whatever their order, and those of one side only are counted', () => {
  const [compared] = compareMetrics(
    [series('loss', [4, 2, 1], [4, 2, 1])],
    [series('loss', [1, 2, 3, 5], [1, 2, 3, 5])],
  )
  expect(compared).toMatchObject({ steps: 2, identical: 2, missing: 1, extra: 2, last: { step: 2 } })
  expect(isWithin(compared!, 1)).toBe(false)
})

test('of several values at one step the last counts', () => {
  const [compared] = compareMetrics([series('loss', [9, 1], [1, 1])], [series('loss', [1], [1])])
  expect(compared).toMatchObject({ steps: 1, identical: 1, missing: 0 })
})

test('the worst step is the furthest, and what is finite on one side only is further than that', () => {
  const recorded = [series('loss', [1, 2, 0, 4])]
  expect(compareMetrics(recorded, [series('loss', [1, 3, 0.5, 4])])[0]).toMatchObject({
    identical: 2,
    worst: { step: 2, absolute: 1, relative: 0.5 },
    last: { step: 4, absolute: 0 },
  })
  const [compared] = compareMetrics(recorded, [series('loss', [Number.NaN, 3, 0.5, 4])])
  expect(compared!.worst).toEqual({ step: 1, recorded: 1, here: Number.NaN, absolute: Number.NaN, relative: null })
  expect(isWithin(compared!, 1e9)).toBe(false)
})

test('of a recorded 0 nothing is a share', () => {
  const [compared] = compareMetrics([series('loss', [0])], [series('loss', [1e-9])])
  expect(compared!.worst).toMatchObject({ absolute: 1e-9, relative: null })
  expect(isWithin(compared!, 1e9)).toBe(false)
})

test('a metric that only one side has has nothing to compare', () => {
  const compared = compareMetrics([series('a', [1])], [series('b', [1, 2])])
  expect(compared).toEqual([
    { name: 'a', steps: 0, identical: 0, missing: 1, extra: 0, worst: null, last: null },
    { name: 'b', steps: 0, identical: 0, missing: 0, extra: 2, worst: null, last: null },
  ])
  expect(isWithin(compared[0]!, 1)).toBe(false)
})
