import { expect, test } from 'vitest'
import type { Constraint, Metric } from './document/sweep-document.ts'
import { constraintsText, isFeasible, objectivesOf, objectivesText, sideMetrics, standingValue } from './objectives.ts'

const metric = (name: string, goal: Metric['goal'] = 'minimize'): Metric => ({ name, goal, summary: 'last' })
const LOSS = metric('loss')
const ACCURACY = metric('accuracy', 'maximize')

test('one metric is the only objective, and without one there is none', () => {
  expect(objectivesOf({ metric: LOSS })).toEqual([LOSS])
  expect(objectivesOf({ metric: LOSS, objectives: [LOSS, ACCURACY] })).toEqual([LOSS, ACCURACY])
  expect(objectivesOf({})).toEqual([])
})

test('beside the first objective stand the others, and once each metric that only constraints name', () => {
  const constraints: Constraint[] = [
    { name: 'memory', max: 8 },
    { name: 'loss', max: 1 },
    { name: 'accuracy', min: 0.5 },
    { name: 'memory', min: 1 },
  ]
  expect(sideMetrics({ metric: LOSS, objectives: [LOSS, ACCURACY], constraints })).toEqual([
    ACCURACY,
    { name: 'memory', summary: 'last' },
  ])
  expect(sideMetrics({ metric: LOSS })).toEqual([])
})

test('bounds are included, and what is not a finite number keeps to none', () => {
  const constraints = [
    { name: 'memory', max: 8 },
    { name: 'accuracy', min: 0.9 },
  ]
  expect(isFeasible(constraints, { memory: 8, accuracy: 0.9 })).toBe(true)
  expect(isFeasible(constraints, { memory: 8.1, accuracy: 0.9 })).toBe(false)
  expect(isFeasible(constraints, { memory: 8, accuracy: 0.89 })).toBe(false)
  expect(isFeasible(constraints, { memory: 8 })).toBe(false)
  expect(isFeasible(constraints, { memory: Number.NEGATIVE_INFINITY, accuracy: 0.9 })).toBe(false)
  expect(isFeasible(constraints, { memory: 8, accuracy: Number.NaN })).toBe(false)
  expect(isFeasible([], {})).toBe(true)
})

test.each([
  ['minimize', 'best', [3, 1, 2], 1],
  ['maximize', 'best', [1, 3, 2], 3],
  ['maximize', 'last', [1, 3, 2], 2],
  ['minimize', 'best', [Number.NaN, 2, Number.NEGATIVE_INFINITY, Number.NaN], 2],
  ['minimize', 'last', [2, Number.NaN], Number.NaN],
  ['minimize', 'last', [Number.NaN, Number.POSITIVE_INFINITY], undefined],
  ['minimize', 'best', [Number.NaN], undefined],
] as const)('to %s, the %s of %j stands for a trial: %d', (goal, summary, values, expected) => {
  const standing = values.reduce<number | undefined>(
    (before, value) => standingValue(before, value, { name: 'x', goal, summary }),
    undefined,
  )
  expect(standing).toEqual(expected)
})

test('aims in words', () => {
  expect(objectivesText([LOSS, ACCURACY])).toBe('minimize loss, maximize accuracy')
  expect(
    constraintsText([
      { name: 'a', max: 8, min: -1 },
      { name: 'b', min: 0.5 },
    ]),
  ).toBe('a <= 8, a >= -1, b >= 0.5')
})
