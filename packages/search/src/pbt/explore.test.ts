import type { Config } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { sampleConfig } from '../sample.ts'
import { parentsFirst } from '../space/conditions.ts'
import { contains } from '../space/contains.ts'
import { allSpaces, type ParameterSketch, spaceOf } from '../testing/spaces.ts'
import { explore } from './explore.ts'

/** All values that exploring gives in 200 draws, ascending. */
function reached(sketch: Omit<ParameterSketch, 'name'>, from: unknown, resample = 0): unknown[] {
  const ordered = parentsFirst(spaceOf({ name: 'a', ...sketch } as ParameterSketch))
  const values = Array.from({ length: 200 }, (_, draw) => {
    return explore(ordered, { a: from } as Config, resample, rngFor(1, draw)).config['a']
  })
  return [...new Set(values)].sort((a, b) => Number(a) - Number(b))
}

test('whatever the space and the parent, the copy lies in the space', () => {
  fc.assert(
    fc.property(allSpaces, fc.nat(), fc.constantFrom(0, 0.25, 1), (space, seed, resample) => {
      const ordered = parentsFirst(space)
      const parent = sampleConfig(ordered, rngFor(seed, 0))
      const { config } = explore(ordered, parent, resample, rngFor(seed, 1))
      expect(contains(space, config)).toBe(true)
    }),
  )
})

test('numbers are multiplied by 1.2 or 0.8, and stay within their range', () => {
  expect(reached({ type: 'float', min: 0, max: 10 }, 2)).toEqual([1.6, 2.4])
  expect(reached({ type: 'float', min: 1e-5, max: 1, scale: 'log' }, 0.1)).toEqual([0.1 * 0.8, 0.12])
  expect(reached({ type: 'float', min: 0, max: 10 }, 9)).toEqual([9 * 0.8, 10])
  expect(reached({ type: 'float', min: 0, max: 10 }, 10)).toEqual([8])
  expect(reached({ type: 'normal', mu: 0, sigma: 1 }, -1)).toEqual([-1.2, -0.8])
  expect(reached({ type: 'beta', a: 2, b: 2 }, 0.9)).toEqual([0.9 * 0.8, 1])
})

test('integers and stepped numbers move by a step at least', () => {
  expect(reached({ type: 'int', min: 1, max: 8 }, 2)).toEqual([1, 3])
  expect(reached({ type: 'int', min: 1, max: 8 }, 1)).toEqual([2])
  expect(reached({ type: 'int', min: -5, max: 5 }, 0)).toEqual([-1, 1])
  expect(reached({ type: 'int', min: 1, max: 1000, scale: 'log' }, 100)).toEqual([80, 120])
  expect(reached({ type: 'float', min: 0, max: 1, quantum: { q: 0.25, integer: false } }, 0.5)).toEqual([0.25, 0.75])
})

test('from 0, which no factor moves, a float is drawn anew', () => {
  const values = reached({ type: 'float', min: -1, max: 1 }, 0) as number[]
  expect(values.length).toBe(200)
  expect(values[0]).toBeLessThan(-0.9)
  expect(values.at(-1)).toBeGreaterThan(0.9)
})

test('ordered choices move to a neighbour, unordered ones stay, and what has no chance is not taken', () => {
  expect(reached({ type: 'choice', values: [16, 32, 64, 128] }, 32)).toEqual([16, 64])
  expect(reached({ type: 'choice', values: [16, 32, 64, 128] }, 128)).toEqual([64])
  expect(reached({ type: 'choice', values: [32, 16, 64] }, 16)).toEqual([16])
  expect(reached({ type: 'choice', values: ['a', 'b'] }, 'a')).toEqual(['a'])
  expect(reached({ type: 'choice', values: [1, 2, 3], probabilities: [0.5, 0.5, 0] }, 2)).toEqual([1])
  expect(reached({ type: 'constant', value: 7 }, 7)).toEqual([7])
})

test('with the chance to draw anew the whole range is reached, in that share of the copies', () => {
  const choice = { type: 'choice', values: ['a', 'b', 'c', 'd'] } as const
  expect(reached(choice, 'a', 0.25)).toHaveLength(4)
  const ordered = parentsFirst(spaceOf({ name: 'a', type: 'float', min: 0, max: 1 }))
  const drawn = Array.from({ length: 400 }, (_, draw) => explore(ordered, { a: 0.5 }, 0.25, rngFor(2, draw)))
  const share = drawn.filter(({ changes }) => changes[0]?.endsWith('(drawn)')).length / 400
  expect(share).toBeGreaterThan(0.18)
  expect(share).toBeLessThan(0.32)
})

test('a parameter is there when its condition holds for the copy: drawn where the parent had none', () => {
  const space = spaceOf(
    { name: 'optimizer', type: 'choice', values: ['sgd', 'adam'] },
    { name: 'beta', type: 'float', min: 0.8, max: 1, when: { optimizer: ['adam'] } },
  )
  const copies = Array.from({ length: 60 }, (_, draw) => {
    return explore(parentsFirst(space), { optimizer: 'sgd' }, 0.5, rngFor(3, draw))
  })
  const turned = copies.filter(({ config }) => config['optimizer'] === 'adam')
  expect(turned.length).toBeGreaterThan(5)
  for (const { config, changes } of turned) {
    expect(contains(space, config)).toBe(true)
    expect(changes).toEqual([
      'optimizer "sgd" → "adam" (drawn)',
      expect.stringMatching(/^beta none → 0\.\d+ \(drawn\)$/),
    ])
  }
  for (const { config } of copies) if (config['optimizer'] === 'sgd') expect(config).toEqual({ optimizer: 'sgd' })
})
