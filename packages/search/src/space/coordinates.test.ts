import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { spaceOf } from '../testing/spaces.ts'
import { cellAt, coordinatesOf, drawInCell } from './coordinates.ts'

const axisOfInt = coordinatesOf(spaceOf({ name: 'a', type: 'int', min: 0, max: 2 })).numeric[0]!

test('the cells of an integer cover its axis, with the ends at 0 and 1 exactly', () => {
  const cells = [0.1, 0.5, 0.9].map((x) => cellAt(axisOfInt, x)!)
  expect([cells[0]!.low, cells[2]!.high]).toEqual([0, 1])
  expect(cells[0]!.high).toBeCloseTo(1 / 3, 12)
  expect(cells[1]!.low).toBeCloseTo(1 / 3, 12)
  const many = coordinatesOf(spaceOf({ name: 'a', type: 'int', min: 1, max: 49 })).numeric[0]!
  expect([cellAt(many, 0)!.low, cellAt(many, 1)!.high]).toEqual([0, 1])
})

test('a coordinate drawn in a cell lies in it, however far the mean', () => {
  for (const mean of [-50, 0.1, 0.5, 0.9, 50]) {
    for (let draw = 0; draw < 50; draw += 1) {
      const x = drawInCell({ low: 0.4, high: 0.6 }, mean, 0.05, rngFor(1, draw))
      expect(x >= 0.4 && x <= 0.6).toBe(true)
    }
  }
})
