import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bandScale, linearScale, logScale, objectiveScale } from './scale.ts'

const labels = (scale: { ticks: readonly { label: string }[] }) => scale.ticks.map(({ label }) => label)

test('ticks are round numbers within the bounds', () => {
  expect(labels(linearScale('x', [0, 0.98]))).toEqual(['0', '0.2', '0.4', '0.6', '0.8'])
  expect(labels(linearScale('x', [-3, 12]))).toEqual(['0', '5', '10'])
  expect(labels(logScale('x', [1e-5, 1]))).toEqual(['1e-5', '1e-4', '0.001', '0.01', '0.1', '1'])
  expect(labels(logScale('x', [16, 64]))).toEqual(['20', '30', '40', '50'])
  expect(labels(bandScale('x', ['a', true, null, 1.5]))).toEqual(['a', 'true', 'null', '1.5'])
})

test('a log scale gives every factor the same room, and has no place for what is not above zero', () => {
  const { place } = logScale('x', [1e-4, 1])
  expect([1e-4, 1e-2, 1].map((value) => place(value))).toEqual([0, 0.5, 1])
  expect([0, -1, 'x', null].map((value) => place(value))).toEqual([undefined, undefined, undefined, undefined])
})

test('places lie within the axis and ticks are few and finite, whatever the bounds', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(number, number, number, (a, b, value) => {
      for (const scale of [
        linearScale('x', [Math.min(a, b), Math.max(a, b)]),
        objectiveScale({ name: 'x', goal: 'minimize' }, [a, b, value]).scale,
      ]) {
        const place = scale.place(value)
        expect(place === undefined || (place >= 0 && place <= 1)).toBe(true)
        expect(scale.ticks.length).toBeLessThanOrEqual(21)
        for (const { at } of scale.ticks) expect(at >= 0 && at <= 1).toBe(true)
      }
    }),
  )
})

test('the axis of an objective ends at the fence on the bad side only', () => {
  const values = [...Array.from({ length: 20 }, (_, index) => 1 + index / 20), 100]
  expect(objectiveScale({ name: 'x', goal: 'minimize' }, values).beyond).toBe(1)
  expect(objectiveScale({ name: 'x', goal: 'maximize' }, values).beyond).toBe(0)
})

test('positive values over several powers of ten get a log scale', () => {
  expect(objectiveScale({ name: 'x', goal: 'minimize' }, [1e-3, 1, 1e3]).scale.label).toBe('x (log scale)')
  expect(objectiveScale({ name: 'x', goal: 'minimize' }, [-1, 1, 1e5]).scale.label).toBe('x')
})
