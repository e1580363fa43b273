import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeColumn, decodeLines, encodeColumn, encodeLines } from './points-codec.ts'

const step = fc.oneof(fc.nat(), fc.maxSafeInteger())
const at = fc.oneof(
  fc.nat(),
  fc.integer({ min: 1_600_000_000_000, max: 1_900_000_000_000 }),
  // A time is a whole number of milliseconds, so it has no -0.
  fc.double({ noNaN: true }).map((time) => time + 0),
)
const value = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 5e-324, Number.MAX_VALUE))

test('lines come back bit for bit, whatever their steps, times and values', () => {
  const line = fc.record({ step, at, values: fc.array(fc.record({ nameId: fc.nat(), value }), { maxLength: 5 }) })
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      expect(decodeLines(encodeLines(lines))).toEqual(lines)
    }),
  )
})

test('columns come back bit for bit', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(step, at, value)), (points) => {
      const column = {
        steps: points.map((point) => point[0]),
        times: points.map((point) => point[1]),
        values: points.map((point) => point[2]),
      }
      expect(decodeColumn(encodeColumn(column))).toEqual(column)
    }),
  )
})

test('a point of a steady series takes little more than its eight bytes', () => {
  const steps = Array.from({ length: 1000 }, (_, n) => n)
  const column = { steps, times: steps.map((n) => 1_700_000_000_000 + n * 1000), values: steps.map((n) => 1 / (n + 1)) }
  expect(encodeColumn(column).length / 1000).toBeLessThan(11.5)
})
