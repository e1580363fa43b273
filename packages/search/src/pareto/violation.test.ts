import { expect, test } from 'vitest'
import { violationOf } from './violation.ts'

const constraints = [
  { name: 'memory', max: 8 },
  { name: 'accuracy', min: 0.9, max: 1 },
  { name: 'slack', max: 0 },
]

test('bounds are inside, and what passes them counts as a share of the bound', () => {
  expect(violationOf({ memory: 8, accuracy: 0.9, slack: 0 }, constraints)).toBe(0)
  expect(violationOf({ memory: 12, accuracy: 0.9, slack: -3 }, constraints)).toBe(0.5)
  expect(violationOf({ memory: 12, accuracy: 0.45, slack: 2 }, constraints)).toBe(0.5 + 0.5 + 2)
  expect(violationOf({ memory: 1, accuracy: 1.5, slack: 0 }, constraints)).toBe(0.5)
})

test('what is missing or no number breaks its constraint infinitely', () => {
  expect(violationOf({ memory: 1, accuracy: 0.95 }, constraints)).toBe(Number.POSITIVE_INFINITY)
  expect(violationOf({ memory: Number.NaN, accuracy: 0.95, slack: 0 }, constraints)).toBe(Number.POSITIVE_INFINITY)
  expect(violationOf({}, [{ name: 'toString', max: 1 }])).toBe(Number.POSITIVE_INFINITY)
})

test('an infinite value is on the side of its bound or not', () => {
  const values = { memory: Number.NEGATIVE_INFINITY, accuracy: 0.95, slack: 0 }
  expect(violationOf(values, constraints)).toBe(0)
  expect(violationOf({ ...values, memory: Number.POSITIVE_INFINITY }, constraints)).toBe(Number.POSITIVE_INFINITY)
})

test('without constraints nothing is broken', () => {
  expect(violationOf({}, [])).toBe(0)
})
