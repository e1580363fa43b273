import type { RunSeries } from '@sweep/store/tracking/run-series'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromStep, type MetricPoints, MOST_POINTS, newPoints } from './new-points.ts'

const NOTHING: RunSeries = { steps: [], times: [], values: [] }

const series = fc
  .array(
    fc.record({
      step: fc.integer({ min: 0, max: 5 }),
      value: fc.constantFrom(0, 1, Number.NaN, Number.POSITIVE_INFINITY),
    }),
    { maxLength: 12 },
  )
  .map((points): RunSeries => {
    const sorted = points.toSorted((a, b) => a.step - b.step)
    return {
      steps: sorted.map(({ step }) => step),
      times: sorted.map(({ step }) => step * 1000),
      values: sorted.map(({ value }) => value),
    }
  })

/** What the proto file tells clients to do. */
function taken(before: RunSeries, messages: readonly MetricPoints[]): RunSeries {
  return messages.reduce((have, { steps, times, values, replacesFrom = have.steps.length }) => {
    const put = (list: readonly number[], more: readonly number[]) => [...list.slice(0, replacesFrom), ...more]
    return { steps: put(have.steps, steps), times: put(have.times, times), values: put(have.values, values) }
  }, before)
}

test('whatever a run had and has, a client that does as it is told has the same', () => {
  fc.assert(
    fc.property(series, series, (before, now) => {
      expect(taken(before, newPoints('loss', before, now))).toEqual(now)
    }),
  )
})

test('nothing is sent twice: what was there before and stays is not sent again', () => {
  fc.assert(
    fc.property(series, series, (before, more) => {
      const last = before.steps.at(-1) ?? 0
      const steps = more.steps.map((step) => last + step)
      const now = {
        steps: [...before.steps, ...steps],
        times: [...before.times, ...more.times],
        values: [...before.values, ...more.values],
      }
      const messages = newPoints('loss', before, now)
      expect(messages.flatMap(({ values }) => values)).toEqual(more.values)
      expect(messages.filter(({ replacesFrom }) => replacesFrom !== undefined)).toEqual([])
    }),
  )
})

test('a run that has gone back keeps what it shares with before', () => {
  const before = { steps: [1, 2, 3], times: [1, 2, 3], values: [9, 8, 7] }
  const now = { steps: [1, 2], times: [1, 5], values: [9, 4] }
  expect(newPoints('loss', before, now)).toEqual([
    { key: 'loss', steps: [2], times: [5], values: [4], replacesFrom: 1 },
  ])
  expect(newPoints('loss', before, NOTHING)).toEqual([
    { key: 'loss', steps: [], times: [], values: [], replacesFrom: 0 },
  ])
})

test('many points come in messages of a bearable size', () => {
  const steps = Array.from({ length: MOST_POINTS * 2 + 1 }, (_, step) => step)
  const messages = newPoints('loss', NOTHING, { steps, times: steps, values: steps })
  expect(messages.map((message) => message.steps.length)).toEqual([MOST_POINTS, MOST_POINTS, 1])
  expect(messages.flatMap((message) => message.values)).toEqual(steps)
})

test('a first step leaves out what lies before it', () => {
  const all = { steps: [0, 5, 5, 9], times: [0, 1, 2, 3], values: [1, 2, 3, 4] }
  expect(fromStep(all, 5)).toEqual({ steps: [5, 5, 9], times: [1, 2, 3], values: [2, 3, 4] })
  expect(fromStep(all, 10)).toEqual(NOTHING)
  expect(fromStep(all, undefined)).toBe(all)
})
