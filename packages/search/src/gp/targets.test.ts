import fc from 'fast-check'
import { expect, test } from 'vitest'
import { targetsOf } from './targets.ts'

const losses = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 40 })

test('targets keep the order of the losses and have mean 0 and variance 1', () => {
  fc.assert(
    fc.property(losses, (list) => {
      const { values } = targetsOf(list)
      for (const [i, loss] of list.entries()) {
        for (const [j, other] of list.entries()) {
          expect(Math.sign(values[i]! - values[j]!)).toBe(Math.sign(loss - other))
        }
      }
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length
      expect(mean).toBeCloseTo(0, 9)
      expect(variance).toBeCloseTo(new Set(list).size > 1 ? 1 : 0, 9)
    }),
  )
})

test('the unit of the metric and where it starts change nothing but the unit', () => {
  const list = [3, 1, 4, 1, 5, 9, 2, 6]
  const plain = targetsOf(list)
  const other = targetsOf(list.map((loss) => 1000 * loss - 77))
  for (const [i, value] of other.values.entries()) expect(value).toBeCloseTo(plain.values[i]!, 9)
  expect(other.unit / plain.unit).toBeCloseTo(1000, 9)
})

test('one terrible loss does not press the others together', () => {
  const { values } = targetsOf([1, 2, 3, 4, 5, 1e9])
  // Standardised as they are, the first five would be 1e-8 apart.
  expect(values[4]! - values[0]!).toBeGreaterThan(0.1)
})

test('near the best a unit of a target is as large as it says', () => {
  const list = [1, 1 + 1e-6, 2, 3, 4]
  const { values, unit } = targetsOf(list)
  expect((values[1]! - values[0]!) * unit).toBeCloseTo(1e-6, 11)
})

test('ties with the best leave the scale to the others, and the largest doubles have targets too', () => {
  expect(targetsOf([0, 0, 0, 0, 0, 1, 2]).values.every(Number.isFinite)).toBe(true)
  const { values } = targetsOf([-Number.MAX_VALUE, Number.MAX_VALUE, 0, Number.MIN_VALUE])
  expect(values.every(Number.isFinite)).toBe(true)
  expect(targetsOf([0, 4 * Number.MIN_VALUE, 8 * Number.MIN_VALUE, 1e300]).values.every(Number.isFinite)).toBe(true)
})

test('slopes say how targets move with their losses', () => {
  const list = [1, 1.5, 2, 3, 4, 9]
  const { values, slopes } = targetsOf(list)
  // Between two losses as far apart as this the mean and the deviation of all hardly change.
  const near = [...list, 1.5 + 1e-6]
  const moved = targetsOf(near)
  expect((moved.values[6]! - moved.values[1]!) / 1e-6).toBeCloseTo(moved.slopes[1]!, 4)
  expect([...slopes]).toEqual([...slopes].sort((a, b) => b - a))
  expect(values).toHaveLength(6)
  expect([...targetsOf([2, 2]).slopes]).toEqual([0, 0])
})
