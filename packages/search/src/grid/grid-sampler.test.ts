import type { SearchSpace } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { created } from '../testing/histories.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { gridSpaces, spaceOf } from '../testing/spaces.ts'
import { gridSampler } from './grid-sampler.ts'
import { gridSize } from './grid-size.ts'

samplerContract(gridSampler, gridSpaces)

const settings = { goal: 'minimize' } as const
const rngAt = (draw: number) => rngFor(0, draw)

function configs(space: SearchSpace, count: number) {
  return gridSampler.ask(gridSampler.init(space, settings), count, rngAt).suggestions.map(({ config }) => config)
}

test('parameters go by name and the last name turns fastest', () => {
  const space = spaceOf(
    { name: 'b', type: 'choice', values: ['x', 'y'] },
    { name: 'c', type: 'constant', value: null },
    { name: 'a', type: 'int', min: 1, max: 2 },
  )
  expect(configs(space, 9)).toEqual([
    { a: 1, b: 'x', c: null },
    { a: 1, b: 'y', c: null },
    { a: 2, b: 'x', c: null },
    { a: 2, b: 'y', c: null },
  ])
})

test('q_uniform leaves out the upper end, with the rounding of numpy.arange', () => {
  const tenths = spaceOf({ name: 'q', type: 'float', min: 0, max: 0.5, quantum: { q: 0.1, integer: false } })
  expect(configs(tenths, 9).map(({ q }) => q)).toEqual([0, 0.1, 0.2, 0.30000000000000004, 0.4])
  const threes = spaceOf({ name: 'q', type: 'float', min: 1, max: 10, quantum: { q: 3, integer: true } })
  expect(configs(threes, 9).map(({ q }) => q)).toEqual([1, 4, 7])
})

test('values that are equal as JSON are one', () => {
  const space = spaceOf({ name: 'a', type: 'choice', values: [1, 1.0, '1', true, { x: 1, y: 2 }, { y: 2, x: 1 }] })
  expect(configs(space, 9).map(({ a }) => a)).toEqual([1, '1', true, { x: 1, y: 2 }])
  expect(gridSize(space)).toBe(4)
})

test('an inactive parameter is absent, and its values are not gone through', () => {
  const space = spaceOf(
    { name: 'beta2', type: 'choice', values: [0.9, 0.99], when: { optimizer: ['adam'] } },
    { name: 'optimizer', type: 'choice', values: ['adam', 'sgd'] },
  )
  expect(configs(space, 9)).toEqual([
    { beta2: 0.9, optimizer: 'adam' },
    { optimizer: 'sgd' },
    { beta2: 0.99, optimizer: 'adam' },
  ])
  expect(gridSize(space)).toBe(3)
})

test('every combination comes once, counted beforehand', () => {
  fc.assert(
    fc.property(gridSpaces, (space) => {
      const size = gridSize(space)
      fc.pre(size < 2000)
      const all = gridSampler.ask(gridSampler.init(space, settings), size + 1, rngAt)
      expect(all.suggestions.length).toBe(size)
      expect(all.exhausted).toBe(true)
    }),
  )
})

test('asked one at a time it goes the same way as asked all at once', () => {
  fc.assert(
    fc.property(gridSpaces, (space) => {
      const all = configs(space, 30)
      let state = gridSampler.init(space, settings)
      for (const expected of all) {
        const [next] = gridSampler.ask(state, 1, rngAt).suggestions
        expect(next!.config).toEqual(expected)
        state = gridSampler.tell(state, created(next!.draw + 1, next!.config, next!.draw))
      }
    }),
  )
})

test('a grid of a billion million starts at once and ends where it should', () => {
  const digits = Array.from({ length: 15 }, (_, index) => ({ name: `p${index}`, type: 'int' as const, min: 0, max: 9 }))
  const space = spaceOf(...digits.map((digit) => ({ ...digit, name: digit.name.padStart(3, '_') })))
  expect(gridSize(space)).toBe(1e15)
  const begin = performance.now()
  const state = gridSampler.init(space, settings)
  expect(gridSampler.ask(state, 100, rngAt).suggestions.length).toBe(100)
  expect(performance.now() - begin).toBeLessThan(200)
  const nearEnd = Object.fromEntries(space.parameters.map(({ name }) => [name, name === 'p12' ? 8 : 9]))
  const late = gridSampler.ask(gridSampler.tell(state, created(1, nearEnd, 0)), 1e6, rngAt)
  expect(late.exhausted).toBe(true)
  expect(late.suggestions.length).toBe(100)
})

test('runs of inactive combinations are jumped over, before and after the parameter that decides', () => {
  const big = (name: string) => ({ name, type: 'int' as const, min: 0, max: 999_999 })
  const space = spaceOf(
    { ...big('a'), when: { m: [7] } },
    { ...big('b'), when: { m: [7] } },
    big('m'),
    { ...big('x'), when: { m: [3] } },
    { ...big('y'), when: { m: [3] } },
  )
  expect(gridSize(space)).toBe(999_998 + 2e12)
  const begin = performance.now()
  const state = gridSampler.init(space, settings)
  expect(
    gridSampler
      .ask(state, 10, rngAt)
      .suggestions.map(({ config }) => config)
      .slice(2, 5),
  ).toEqual([{ m: 2 }, { m: 3, x: 0, y: 0 }, { m: 3, x: 0, y: 1 }])
  const atLast = gridSampler.tell(state, created(1, { m: 3, x: 999_999, y: 999_999 }, 0))
  expect(gridSampler.ask(atLast, 1, rngAt).suggestions[0]!.config).toEqual({ m: 4 })
  const lastPlain = gridSampler.tell(state, created(1, { m: 999_999 }, 0))
  expect(gridSampler.ask(lastPlain, 2, rngAt).suggestions.map(({ config }) => config)).toEqual([
    { a: 0, b: 1, m: 7 },
    { a: 0, b: 2, m: 7 },
  ])
  expect(performance.now() - begin).toBeLessThan(500)
})

test('a parameter without a list of values is refused by name', () => {
  for (const parameter of [
    { name: 'lr', type: 'float' as const, min: 0, max: 1 },
    { name: 'lr', type: 'float' as const, min: 1, max: 9, scale: 'log', quantum: { q: 1, integer: true } },
    { name: 'lr', type: 'normal' as const, mu: 0, sigma: 1 },
    { name: 'lr', type: 'choice' as const, values: [1, 2], probabilities: [0.5, 0.5] },
  ]) {
    expect(() => gridSize(spaceOf(parameter))).toThrow(/lr/)
  }
})
