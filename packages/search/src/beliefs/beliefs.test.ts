import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { contains } from '../space/contains.ts'
import { runMethod, startMethod } from '../testing/sequential-run.ts'
import { spaceOf } from '../testing/spaces.ts'

/** What methods that learn make of priors and past results; tpe has tests of its own. */
const METHODS = ['gp', 'cmaes', 'evolution', 'auto'] as const
const SEEDS = [1, 2, 3, 4, 5]

function bowl({ x, y }: Config): number {
  return (Number(x) - 0.8) ** 2 + (Number(y) - 0.3) ** 2
}

const believing = (mu: number) =>
  spaceOf(
    { name: 'x', type: 'float', min: 0, max: 1, prior: { mu, sigma: 0.05 } },
    { name: 'y', type: 'float', min: 0, max: 1 },
  )

function medianBest(method: (typeof METHODS)[number], mu: number, trials: number): number {
  const lowest = SEEDS.map((seed) => {
    return Math.min(...runMethod(method, trials, bowl, { space: believing(mu), seed }).configs.map(bowl))
  })
  return lowest.sort((a, b) => a - b)[2]!
}

test.each(METHODS)('%s begins where priors expect good values', (method) => {
  const space = spaceOf(
    { name: 'lr', type: 'float', min: 1e-5, max: 1, scale: 'log', prior: { mu: 1e-3, sigma: 0.1 } },
    { name: 'depth', type: 'int', min: 1, max: 9, prior: { mu: 4 } },
  )
  const { suggestions } = startMethod(method, { space }).ask(40)
  expect(suggestions[0]?.config['lr']).toBeCloseTo(1e-3, 9)
  expect(suggestions[0]?.config['depth']).toBe(4)
  expect(suggestions[0]?.reason).toMatch(/where (the priors expect good values|good values are believed to be)/)
  const near = suggestions.filter(({ config }) => Math.abs(Math.log(Number(config['lr']) / 1e-3)) < 0.4)
  expect(near.length).toBeGreaterThan(12)
})

test.each(METHODS)('%s: a good prior helps early, and a misleading one is got over', (method) => {
  expect(medianBest(method, 0.8, 10)).toBeLessThan(medianBest(method, 0.05, 10) / 2)
  expect(medianBest(method, 0.05, method === 'gp' || method === 'auto' ? 30 : 150)).toBeLessThan(0.01)
})

test.each(METHODS)('%s begins with the best past results, and keeps to the space', (method) => {
  const space = spaceOf(
    { name: 'x', type: 'float', min: 0, max: 1 },
    { name: 'y', type: 'float', min: 0, max: 1 },
    { name: 'kind', type: 'choice', values: ['a', 'b', 'c'] },
    { name: 'z', type: 'int', min: 1, max: 9, when: { kind: ['b'] } },
  )
  const past = Array.from({ length: 40 }, (_, i) => {
    const config: Config = { x: (i % 7) / 7, y: (i % 5) / 5, kind: i % 2 ? 'a' : 'b', ...(i % 2 ? {} : { z: 3 }) }
    return { config, value: bowl(config) + (i % 2 ? 0 : 5) }
  })
  const strangers = [{ config: { x: 3, other: 'a' }, value: -1 }]
  const { suggestions } = startMethod(method, { space, past: [...past, ...strangers] }).ask(30)
  for (const { config } of suggestions) expect(contains(space, config)).toBe(true)
  const likePast = suggestions.filter(({ config }) => config['kind'] === 'a')
  expect(likePast.length).toBeGreaterThan(12)
})

test('cmaes draws as narrowly as a prior is, and starts in the middle where there is none', () => {
  const { suggestions } = startMethod('cmaes', { space: believing(0.05) }).ask(20)
  expect(suggestions[0]?.config).toEqual({ x: expect.closeTo(0.05, 9), y: 0.5 })
  const spread = (name: string) => {
    const values = suggestions.map(({ config }) => Number(config[name]))
    return Math.max(...values) - Math.min(...values)
  }
  expect(spread('x')).toBeLessThan(spread('y') / 2)
})
