import { createSweepFold, foldFact } from '@sweep/search/fold'
import { expect, test } from 'vitest'
import { measureCalls, measureMemory } from './measure.ts'
import { finishedTrials, mixedDocument } from './mixed-sweep.ts'

test('the history is the one that the baselines were measured with', () => {
  const fold = createSweepFold(mixedDocument('tpe'))
  for (const body of finishedTrials(3)) foldFact(fold, { ...body, seq: fold.foldedSeq + 1, at: new Date(0) })
  expect(fold.counts).toMatchObject({ completed: 3, running: 0, queued: 0 })
  // The values of the first three configs of run_speed.py.
  const values = [...fold.trials.values()].map(({ value }) => value!)
  for (const [index, expected] of [1.4417439959177214, 2.812693912197747, 2.621412674229765].entries())
    expect(values[index]).toBeCloseTo(expected, 9)
})

test('as many calls are timed as were asked for, or the fewest when the time is up', () => {
  const { calls, reference } = measureCalls('tpe', 30, 15, Number.POSITIVE_INFINITY)
  expect(calls).toHaveLength(15)
  expect(Math.min(reference, ...calls)).toBeGreaterThan(0)
  expect(measureCalls('tpe', 30, 100, 0).calls).toHaveLength(5)
})

test('a sweep of more trials holds more memory', () => {
  expect(measureMemory('random', 5000)).toBeGreaterThan(measureMemory('random', 5) + 1)
})
