import { expect, test } from 'vitest'
import { minimise, type Objective } from './minimise.ts'

const box = (d: number, low: number, high: number) => ({
  low: new Float64Array(d).fill(low),
  high: new Float64Array(d).fill(high),
})

const rosenbrock: Objective = (x, gradient) => {
  const [a, b] = [x[0]!, x[1]!]
  gradient[0] = -400 * a * (b - a * a) - 2 * (1 - a)
  gradient[1] = 200 * (b - a * a)
  return 100 * (b - a * a) ** 2 + (1 - a) ** 2
}

test('it follows a curved valley to its lowest point', () => {
  const x = Float64Array.of(-1.2, 1)
  expect(minimise(rosenbrock, x, box(2, -5, 5), 100, 1e-14)).toBeLessThan(1e-9)
  expect(x[0]).toBeCloseTo(1, 4)
  expect(x[1]).toBeCloseTo(1, 4)
})

test('where the lowest point is outside, it ends on the bound, and is never asked beyond it', () => {
  const x = Float64Array.of(0, 0)
  const bounds = box(2, -0.5, 0.5)
  const inside: Objective = (at, gradient) => {
    for (const coordinate of at) expect(Math.abs(coordinate)).toBeLessThanOrEqual(0.5)
    return rosenbrock(at, gradient)
  }
  // On the bound a = 1/2 the valley lies at b = 1/4.
  expect(minimise(inside, x, bounds, 100, 1e-14)).toBeCloseTo(0.25, 6)
  expect(x[0]).toBe(0.5)
  expect(x[1]).toBeCloseTo(0.25, 4)
})

test('a coordinate with no room stays where it is, and the others go on', () => {
  const x = Float64Array.of(0.3, -3)
  const bounds = { low: Float64Array.of(0.3, -5), high: Float64Array.of(0.3, 5) }
  minimise(rosenbrock, x, bounds, 100, 1e-14)
  expect(x[0]).toBe(0.3)
  expect(x[1]).toBeCloseTo(0.09, 6)
})

test('where the objective is infinite a step is not taken', () => {
  const x = Float64Array.of(1)
  const logarithmic: Objective = (at, gradient) => {
    gradient[0] = 1 - 1e-3 / at[0]!
    return at[0]! > 0 ? at[0]! - 1e-3 * Math.log(at[0]!) : Number.POSITIVE_INFINITY
  }
  minimise(logarithmic, x, box(1, -10, 10), 100, 1e-16)
  expect(x[0]).toBeCloseTo(1e-3, 5)
})

test('with no slope at the start it stays there', () => {
  const x = Float64Array.of(0.5)
  const flat: Objective = (_, gradient) => {
    gradient[0] = 0
    return 3
  }
  expect(minimise(flat, x, box(1, 0, 1), 10, 1e-9)).toBe(3)
  expect(x[0]).toBe(0.5)
})
