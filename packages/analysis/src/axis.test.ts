import type { Json } from '@sweep/spec/number'
import { expect, test } from 'vitest'
import { axisOf } from './axis.ts'
import { activeGroups, tableOf } from './table.ts'
import { choice, completed, spaceOf, unit } from './testing/sweeps.ts'

const encode = (sketch: Record<string, unknown>, ...values: Json[]) => {
  const axis = axisOf(spaceOf({ name: 'p', type: String(sketch['type']), ...sketch }).parameters[0]!)!
  return values.map((value) => axis.encode(value))
}

test('a number lies where its distribution puts it', () => {
  expect(encode({ type: 'float', min: 2, max: 6 }, 2, 3, 6, 99, -1, 'x')).toEqual([0, 0.25, 1, 1, 0, undefined])
  const [low, middle, high, zero] = encode({ type: 'float', min: 1e-4, max: 1, scale: 'log' }, 1e-4, 1e-2, 1, 0)
  expect([low, high, zero]).toEqual([0, 1, 0])
  expect(middle).toBeCloseTo(0.5, 12)
  expect(encode({ type: 'float', min: 1e-4, max: 1, scale: 'inverse-log' }, 1e-2)[0]).toBeCloseTo(0.5, 12)
  expect(encode({ type: 'int', min: 1, max: 4 }, 1, 4)).toEqual([0.125, 0.875])
  const logInt = encode({ type: 'int', min: 1, max: 4, scale: 'log' }, 1, 2)
  expect(logInt[0]).toBeCloseTo(Math.log(2) / Math.log(9), 12)
  expect(logInt[1]).toBeCloseTo(Math.log(4) / Math.log(9), 12)
  expect(encode({ type: 'normal', mu: 3, sigma: 2 }, 5)[0]).toBeCloseTo(0.8413447460685, 10)
  expect(encode({ type: 'normal', mu: 0, sigma: 1, scale: 'log' }, Math.E, -1)[0]).toBeCloseTo(0.8413447460685, 10)
  expect(encode({ type: 'normal', mu: 0, sigma: 1, scale: 'log' }, -1)).toEqual([0])
  expect(encode({ type: 'beta', a: 1, b: 2 }, 0.5)[0]).toBeCloseTo(0.75, 8)
  expect(encode({ type: 'beta', a: 1, b: 2 }, 1.5)).toEqual([1])
  expect(encode({ type: 'float', min: -1.7e308, max: 1.7e308 }, 0)).toEqual([0.5])
})

test('a choice is the index of its value, three ascending numbers are steps of one axis', () => {
  expect(encode({ type: 'choice', values: ['x', { k: 1 }, 'x'] }, 'x', { k: 1 }, 'z')).toEqual([0, 1, undefined])
  expect(encode({ type: 'choice', values: [16, 32, 64, 128] }, 16, 128, 48)).toEqual([0.125, 0.875, undefined])
  const [parameter] = spaceOf({ ...choice('p', 'a', 'b', 'a'), probabilities: [0.2, 0.5, 0.3] }).parameters
  expect(axisOf(parameter!)).toMatchObject({ kind: 'choice', probabilities: [0.5, 0.5] })
})

test('a single value has no axis', () => {
  const single = [
    { name: 'c', type: 'constant', value: 3 },
    choice('d', 1, 1.0),
    { name: 'e', type: 'int', min: 4, max: 4 },
    { name: 'f', type: 'float', min: 2, max: 2 },
  ]
  for (const parameter of spaceOf(...single).parameters) expect(axisOf(parameter)).toBeUndefined()
})

test('trials with a foreign choice are left out, and parameters are grouped by the trials they were active in', () => {
  const table = tableOf({
    space: spaceOf(
      unit('lr'),
      choice('opt', 'adam', 'sgd'),
      { ...unit('momentum'), when: { opt: ['sgd'] } },
      { ...unit('nesterov'), when: { opt: ['sgd'] } },
      { ...unit('never'), when: { opt: ['adam'] } },
    ),
    goal: 'minimize',
    trials: completed([
      [{ lr: 0.5, opt: 'adam' }, 1],
      [{ lr: 0.1, opt: 'sgd', momentum: 0.9, nesterov: 0.2 }, 2],
      [{ lr: 0.2, opt: 'lamb' }, 3],
      [{ lr: 0.3, opt: 'sgd', momentum: 0.8, nesterov: 0.1 }, 4],
    ]),
  })
  expect(table.leftOut.foreign).toBe(1)
  expect([...table.losses]).toEqual([1, 2, 4])
  const named = activeGroups(table).map(({ judged, inputs, rows }) => ({
    judged: judged.map((index) => table.axes[index]!.name),
    inputs: inputs.map((index) => table.axes[index]!.name),
    rows: [...rows],
  }))
  expect(named).toEqual([
    { judged: ['lr', 'opt'], inputs: ['lr', 'opt'], rows: [0, 1, 2] },
    { judged: ['momentum', 'nesterov'], inputs: ['lr', 'momentum', 'nesterov'], rows: [1, 2] },
  ])
})
