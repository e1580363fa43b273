import { configHash } from '@sweep/spec/config-hash'
import type { SearchSpace } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { created } from '../testing/histories.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { allSpaces, gridSpaces, spaceOf } from '../testing/spaces.ts'
import { randomSampler } from './random-sampler.ts'

samplerContract(randomSampler, allSpaces)

const settings = { goal: 'minimize' } as const

/** Asks for one config after the other until none is left. */
function runOut(space: SearchSpace, seed: number, most: number) {
  let state = randomSampler.init(space, settings)
  const configs = []
  while (configs.length <= most) {
    const [next] = randomSampler.ask(state, 1, (draw) => rngFor(seed, draw)).suggestions
    if (next === undefined) break
    configs.push(next.config)
    state = randomSampler.tell(state, created(configs.length, next.config, next.draw))
  }
  return configs
}

test('a finite space gives every config once and then ends', () => {
  fc.assert(
    fc.property(gridSpaces, fc.nat(), (space, seed) => {
      const size = randomSampler.init(space, settings).lattice!.size
      fc.pre(size <= 300)
      const configs = runOut(space, seed, size)
      expect(configs.length).toBe(size)
      expect(new Set(configs.map(configHash)).size).toBe(size)
    }),
    { numRuns: 50 },
  )
})

test('the last config of a skewed space is found without drawing forever', () => {
  const space = spaceOf(
    { name: 'a', type: 'choice', values: [1, 2, 3], probabilities: [1 - 2e-12, 1e-12, 1e-12] },
    { name: 'b', type: 'int', min: 1, max: 100 },
  )
  const configs = runOut(space, 3, 300)
  expect(new Set(configs.map(configHash)).size).toBe(300)
})

test('a value of probability 0 never comes, and does not keep the sweep from ending', () => {
  const space = spaceOf({ name: 'a', type: 'choice', values: [1, 2, 3], probabilities: [0.5, 0, 0.5] })
  expect(
    runOut(space, 1, 9)
      .map(({ a }) => a)
      .sort(),
  ).toEqual([1, 3])
})

test('steps of a narrow normal end once nothing new turns up', () => {
  const space = spaceOf({ name: 'a', type: 'normal', mu: 0, sigma: 0.01, quantum: { q: 1, integer: true } })
  expect(runOut(space, 1, 9)).toEqual([{ a: 0 }])
})

test('a config enqueued from outside the space does not count as one of its own', () => {
  const space = spaceOf({ name: 'a', type: 'int', min: 1, max: 3 })
  let state = randomSampler.init(space, settings)
  for (const a of [7, 8, 9, 2]) state = randomSampler.tell(state, created(a, { a }))
  const asked = randomSampler.ask(state, 9, (draw) => rngFor(5, draw))
  expect(asked.suggestions.map(({ config }) => config['a']).sort()).toEqual([1, 3])
  expect(asked.exhausted).toBe(true)
})

test('one choice of one value is one trial', () => {
  expect(runOut(spaceOf({ name: 'a', type: 'choice', values: ['only'] }), 0, 5)).toEqual([{ a: 'only' }])
})

test('ten thousand choices and a million integers cost no list', () => {
  const values = Array.from({ length: 10_000 }, (_, index) => `v${index}`)
  const space = spaceOf({ name: 'a', type: 'choice', values }, { name: 'b', type: 'int', min: -500_000, max: 499_999 })
  const asked = randomSampler.ask(randomSampler.init(space, settings), 1000, (draw) => rngFor(1, draw))
  expect(new Set(asked.suggestions.map(({ config }) => config['a'])).size).toBeGreaterThan(900)
})

test('what a draw gives does not depend on the order of the parameters told before it', () => {
  const space = spaceOf({ name: 'a', type: 'float', min: 0, max: 1 })
  const empty = randomSampler.init(space, settings)
  const later = randomSampler.tell(empty, created(1, { a: 0.5 }, 6))
  const alone = randomSampler.ask(later, 1, (draw) => rngFor(9, draw)).suggestions[0]!
  const eighth = randomSampler.ask(empty, 8, (draw) => rngFor(9, draw)).suggestions[7]!
  expect(alone).toEqual(eighth)
})
