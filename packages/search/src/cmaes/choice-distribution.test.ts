import { expect, test } from 'vitest'
import { axisOf } from '../space/axis.ts'
import type { ChoiceAxis } from '../space/coordinates.ts'
import { spaceOf } from '../testing/spaces.ts'
import { learnedChoice } from './choice-distribution.ts'

const axisWith = (sketch: object) =>
  axisOf(spaceOf({ name: 'c', type: 'choice', values: ['p', 'q', 'r'], ...sketch }).parameters[0]!) as ChoiceAxis
const axis = axisWith({})
const halves = Float64Array.of(0.5, 0.5, 0, 0)

function afterMany(values: readonly number[], of = axis) {
  let distribution = of.prior
  for (let i = 0; i < 60; i += 1) distribution = learnedChoice(distribution, of, values, halves, 2)
  return distribution
}

test('what the best have becomes likely, and nothing impossible', () => {
  const [p, q, r] = afterMany([1, 1, 0, 2])
  expect(q).toBeGreaterThan(0.85)
  expect(p).toBeGreaterThan(0.02)
  expect(r).toBe(p)
  expect(p! + q! + r!).toBeCloseTo(1, 12)
})

test('a value that can not be drawn stays impossible', () => {
  const weighted = axisWith({ probabilities: [0.5, 0, 0.5] })
  const [p, q, r] = afterMany([2, 2, 0, 0], weighted)
  expect(q).toBe(0)
  expect(r).toBeGreaterThan(p!)
})

test('where a choice was inactive nothing is learned of it', () => {
  expect(afterMany([Number.NaN, Number.NaN, 0, 2])).toEqual(axis.prior)
  // From a third, 0.3 of half of the way to 1.
  const [, q] = learnedChoice(axis.prior, axis, [Number.NaN, 1, 0, 2], halves, 2)
  expect(q).toBeCloseTo(1 / 3 + 0.15 * (2 / 3), 12)
})
