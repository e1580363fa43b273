import { canonicalJson } from '@sweep/spec/config-hash'
import type { Json } from '@sweep/spec/number'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { gridSpaces, spaceOf } from '../testing/spaces.ts'
import { isActive, parentsFirst } from './conditions.ts'
import { drawnDomain, gridDomain } from './domain.ts'
import { createLattice } from './lattice.ts'

/** Every combination, inactive parameters taken out, repeats dropped: what the odometer must go through. */
function bruteForce(space: SearchSpace): Config[] {
  const parameters = [...space.parameters].sort((a, b) => (a.name < b.name ? -1 : 1))
  const order = parentsFirst(space)
  let all: Map<string, Json>[] = [new Map()]
  for (const parameter of parameters) {
    const domain = gridDomain(parameter)
    all = all.flatMap((config) =>
      Array.from({ length: domain.size }, (_, index) => new Map([...config, [parameter.name, domain.at(index)]])),
    )
  }
  const seen = new Map<string, Config>()
  for (const values of all) {
    const active = new Map<string, Json>()
    for (const parameter of order)
      if (isActive(parameter, active)) active.set(parameter.name, values.get(parameter.name)!)
    const config = Object.fromEntries(active)
    const key = canonicalJson(config)
    if (!seen.has(key)) seen.set(key, config)
  }
  return [...seen.values()]
}

test('it goes through every combination once, in order, and its size is their number', () => {
  fc.assert(
    fc.property(gridSpaces, (space) => {
      fc.pre(space.parameters.reduce((size, parameter) => size * gridDomain(parameter).size, 1) <= 1500)
      const lattice = createLattice(space, gridDomain)
      const configs = []
      for (let point = lattice.first as typeof lattice.first | undefined; point; point = lattice.next(point)) {
        configs.push(lattice.config(point))
        expect(lattice.pointOf(lattice.config(point))).toEqual(point)
        expect(lattice.settle(point)).toEqual(point)
      }
      expect(configs).toEqual(bruteForce(space))
      expect(lattice.size).toBe(configs.length)
    }),
    { numRuns: 300 },
  )
})

test('forty switches over forty parameters are counted at once', () => {
  const switches = Array.from({ length: 40 }, (_, index) => [
    { name: `s${index}`, type: 'choice' as const, values: [true, false] },
    { name: `v${index}`, type: 'int' as const, min: 1, max: 4, when: { [`s${index}`]: [true] } },
  ])
  const each = createLattice(spaceOf(...switches.map(([s]) => s!), ...switches.map(([, v]) => v!)), gridDomain)
  expect(each.size).toBeCloseTo(5 ** 40, -15)
  const when = Object.fromEntries(switches.map(([s]) => [s!.name, [true]]))
  const star = spaceOf(...switches.map(([s]) => s!), { name: 'v', type: 'int', min: 1, max: 4, when })
  expect(createLattice(star, gridDomain).size).toBe(2 ** 40 + 3)
})

test('a config with a key too many, one too few or a foreign value is no point', () => {
  const space = spaceOf(
    { name: 'a', type: 'choice', values: ['x', 'y'] },
    { name: 'b', type: 'int', min: 1, max: 3, when: { a: ['x'] } },
  )
  const { pointOf } = createLattice(space, gridDomain)
  expect(pointOf({ a: 'x', b: 2 })).toEqual([0, 1])
  expect(pointOf({ a: 'y' })).toEqual([1, 0])
  for (const config of [
    {},
    { a: 'x' },
    { a: 'y', b: 1 },
    { a: 'x', b: 4 },
    { a: 'x', b: '2' },
    { a: 'z' },
    { a: 'y', c: 1 },
  ]) {
    expect(pointOf(config as Config)).toBeUndefined()
  }
})

test('drawn steps and grid steps are different values, as in W&B', () => {
  const [parameter] = spaceOf({ name: 'q', type: 'float', min: 1, max: 6, quantum: { q: 2, integer: true } }).parameters
  const list = (domain: { size: number; at(index: number): Json }) =>
    Array.from({ length: domain.size }, (_, index) => domain.at(index))
  expect(list(drawnDomain(parameter!)!)).toEqual([0, 2, 4, 6])
  expect(list(gridDomain(parameter!))).toEqual([1, 3, 5])
})
