import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { coordinatesOf } from '../space/coordinates.ts'
import { spaceOf } from '../testing/spaces.ts'
import { offspringOf } from './offspring.ts'

const coordinates = coordinatesOf(
  spaceOf(
    { name: 'c', type: 'choice', values: ['p', 'q', 'r'], probabilities: [0.5, 0, 0.5] },
    { name: 'x', type: 'float', min: 0, max: 1 },
    { name: 'y', type: 'float', min: 0, max: 1 },
  ),
)

function offspring(population: readonly (readonly number[])[], renewal = 0) {
  const members = population.map((member) => Float64Array.from(member))
  return Array.from({ length: 400 }, (_, draw) => offspringOf(coordinates, members, renewal, rngFor(1, draw)))
}

test('where all members agree there is no step, but for a choice now and then', () => {
  const children = offspring([1, 2, 3, 4, 5].map(() => [0, 0.25, 0.75]))
  for (const { point } of children) expect([...point]).toEqual([0.25, 0.75])
  const changed = children.filter(({ picks }) => picks[0] !== 0).length
  expect(changed).toBeGreaterThan(0)
  expect(changed).toBeLessThan(40)
})

test('steps stay inside and reach beyond the members', () => {
  const children = offspring([
    [0, 0.05, 0.4],
    [0, 0.1, 0.5],
    [0, 0.3, 0.6],
    [0, 0.02, 0.45],
  ])
  const xs = children.map(({ point }) => point[0]!)
  expect(xs.every((x) => x > 0 && x < 1)).toBe(true)
  expect(Math.max(...xs)).toBeGreaterThan(0.31)
  expect(Math.min(...xs)).toBeLessThan(0.019)
})

test('a child has at least one coordinate that is not its own parent’s, and most often all but one', () => {
  const members = [0.1, 0.32, 0.55, 0.81].map((x) => [0, x, x * x])
  const children = offspring(members)
  const kept = children.map(
    ({ point }) => [0, 1].filter((j) => members.some((member) => member[j + 1] === point[j])).length,
  )
  // Kept is one of two with probability 0.2 each, unless it is the forced one; both only where the choice is forced.
  expect(kept.filter((count) => count === 2).length).toBeLessThan(11)
  expect(kept.filter((count) => count === 1).length).toBeGreaterThan(40)
  expect(kept.filter((count) => count === 0).length).toBeGreaterThan(200)
})

test('a value that few members have is passed on by difference too', () => {
  const children = offspring([0, 0, 0, 0, 2].map((value, i) => [value, i / 10, 0.5]))
  // A fifth of the children have it from their own parent, and half of those lose it; by difference come 12 of 100 more.
  const passed = children.filter(({ picks }) => picks[0] === 2).length
  expect(passed).toBeGreaterThan(65)
  expect(passed).toBeLessThan(130)
})

test('members without a value stand in by the prior, and nothing is drawn that can not be', () => {
  const children = offspring([1, 2, 3, 4].map(() => [Number.NaN, Number.NaN, 0.5]))
  expect(children.some(({ picks }) => picks[0] === 0) && children.some(({ picks }) => picks[0] === 2)).toBe(true)
  expect(children.every(({ picks, point }) => picks[0] !== 1 && !point.some(Number.isNaN))).toBe(true)
})

test('full renewal is a draw from the prior', () => {
  const xs = offspring(
    [1, 2, 3, 4].map(() => [0, 0.5, 0.5]),
    1,
  ).map(({ point }) => point[0]!)
  for (const third of [0, 1, 2]) {
    const share = xs.filter((x) => Math.floor(3 * x) === third).length / xs.length
    expect(Math.abs(share - 1 / 3)).toBeLessThan(0.1)
  }
})
