import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { coordinatesOf } from '../space/coordinates.ts'
import { spaceOf } from '../testing/spaces.ts'
import { childOf, crossed, mutated } from './variation.ts'

const many = Array.from({ length: 4000 }, (_, draw) => rngFor(1, draw))
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('crossover keeps the mean of the parents, stays inside, and lies about them', () => {
  const xs = many.map((rng) => crossed(0.4, 0.6, rng))
  expect(xs.every((x) => x >= 0 && x <= 1)).toBe(true)
  expect(Math.abs(mean(xs) - 0.5)).toBeLessThan(0.01)
  expect(xs.some((x) => x > 0.41 && x < 0.59)).toBe(true)
  expect(xs.some((x) => x < 0.39)).toBe(true)
  // In half of the children the coordinate is one of the parents'.
  expect(xs.filter((x) => x === 0.4 || x === 0.6).length / xs.length).toBeCloseTo(0.5, 1)
})

test('parents that agree have a child that agrees', () => {
  for (const rng of many.slice(0, 50)) expect(crossed(0.3, 0.3, rng)).toBeCloseTo(0.3, 12)
})

test('the spread factor of SBX is below 1 as often as above', () => {
  const spreads = many.map((rng) => crossed(0.45, 0.55, rng)).filter((x) => x !== 0.45 && x !== 0.55)
  const inside = spreads.filter((x) => x > 0.45 && x < 0.55).length
  expect(inside / spreads.length).toBeCloseTo(0.5, 1)
})

test('mutation goes either way, near the value more often than far, and never outside', () => {
  const xs = many.map((rng) => mutated(0.5, rng))
  expect(xs.every((x) => x >= 0 && x <= 1)).toBe(true)
  expect(Math.abs(mean(xs) - 0.5)).toBeLessThan(0.01)
  const near = xs.filter((x) => Math.abs(x - 0.5) < 0.1).length
  // A uniform draw would be this near in a fifth.
  expect(near / xs.length).toBeGreaterThan(0.4)
  expect(Math.max(...xs) - Math.min(...xs)).toBeGreaterThan(0.6)
  const atEnd = many.map((rng) => mutated(0, rng))
  expect(atEnd.every((x) => x >= 0 && x <= 1)).toBe(true)
  expect(atEnd.some((x) => x > 0.1)).toBe(true)
})

const coordinates = coordinatesOf(
  spaceOf(
    { name: 'c', type: 'choice', values: ['p', 'q', 'r'], probabilities: [0.5, 0, 0.5] },
    { name: 'x', type: 'float', min: 0, max: 1 },
    { name: 'y', type: 'float', min: 0, max: 1 },
  ),
)

function children(first: readonly number[], second: readonly number[], renewal = 0) {
  const [one, other] = [Float64Array.from(first), Float64Array.from(second)]
  return many.slice(0, 900).map((rng) => childOf(coordinates, one, other, renewal, rng))
}

test('choices come from either parent, and now and then from the prior', () => {
  const picks = children([0, 0.5, 0.5], [1, 0.5, 0.5]).map((child) => child.picks[0])
  for (const pick of [0, 1, 2]) expect(picks.filter((one) => one === pick).length).toBeGreaterThan(60)
  expect(picks.filter((one) => one === 2).length).toBeLessThan(250)
})

test('what parents have no value of is drawn from the prior', () => {
  const born = children([Number.NaN, Number.NaN, 0.5], [Number.NaN, Number.NaN, 0.5])
  expect(born.every(({ picks, point }) => picks[0] !== 1 && point[0]! >= 0 && point[0]! <= 1)).toBe(true)
  expect(Math.abs(mean(born.map(({ point }) => point[0]!)) - 0.5)).toBeLessThan(0.05)
})

test('renewal draws everything from the prior', () => {
  const xs = children([0, 0.1, 0.1], [0, 0.1, 0.1], 1).map(({ point }) => point[0]!)
  expect(xs.filter((x) => x > 0.5).length / xs.length).toBeCloseTo(0.5, 1)
})
