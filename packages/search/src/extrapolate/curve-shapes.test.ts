import { expect, test } from 'vitest'
import { SHAPE_COUNT, SHAPE_SHARES, shapesAt } from './curve-shapes.ts'

const shares = Array.from({ length: 1001 }, (_, i) => i / 1000)
const curveOf = (shape: number) => shares.map((share) => shapesAt(share)[shape]!)
const FLAT = 0
const all = Array.from({ length: SHAPE_COUNT }, (_, shape) => shape)

test('the shares add up to 1', () => {
  expect(SHAPE_SHARES.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
})

test('every shape but the flat one spans 1 and ends at 0', () => {
  for (const shape of all) {
    const curve = curveOf(shape)
    expect(curve.at(-1)).toBe(0)
    expect(Math.max(...curve) - Math.min(...curve)).toBeCloseTo(shape === FLAT ? 0 : 1, 2)
  }
})

test('most fall all the time, from 1; the others fall and then rise', () => {
  const falling = all.filter((shape) => curveOf(shape).every((value, i, curve) => i === 0 || value <= curve[i - 1]!))
  expect(falling).toHaveLength(43)
  for (const shape of falling) if (shape !== FLAT) expect(curveOf(shape)[0]).toBe(1)
  for (const shape of all.filter((one) => !falling.includes(one))) {
    const curve = curveOf(shape)
    const lowest = curve.indexOf(Math.min(...curve))
    expect(lowest).toBeGreaterThan(0)
    expect(curve.slice(1, lowest + 1).every((value, i) => value <= curve[i]!)).toBe(true)
    expect(curve.slice(lowest + 1).every((value, i) => value >= curve[lowest + i]!)).toBe(true)
  }
})

test('between the rows of the table a shape is nearly what its formula says', () => {
  // (1 + 300 share)^-1, the steepest power law but for those of exponent 2.
  const formula = (share: number) => (1 / (1 + 300 * share) - 1 / 301) / (1 - 1 / 301)
  const nearest = Math.min(
    ...all.map((shape) => Math.max(...shares.map((share) => Math.abs(shapesAt(share)[shape]! - formula(share))))),
  )
  expect(nearest).toBeLessThan(0.001)
})
