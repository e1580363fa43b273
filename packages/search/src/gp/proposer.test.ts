import type { Config, SearchSpace } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { axisOf, encodeConfig } from '../space/axis.ts'
import { parentsFirst } from '../space/conditions.ts'
import { byName } from '../space/quantile.ts'
import { SearchRegion } from '../space/search-region.ts'
import { spaceOf } from '../testing/spaces.ts'
import { logExpectedImprovement } from './expected-improvement.ts'
import { Posterior } from './posterior.ts'
import { propose, type Quest } from './proposer.ts'

/** A quest after fifteen random trials with random targets, which leave many hills; and the score of a config. */
function questIn(space: SearchSpace, seed: number): { quest: Quest; scoreOf: (config: Config) => number } {
  const rng = rngFor(seed, 1)
  const axes = byName(space.parameters).flatMap((parameter) => axisOf(parameter) ?? [])
  const region = new SearchRegion(parentsFirst(space), axes)
  const points = Array.from({ length: 15 }, () => region.pointAt(region.drawPlace(rng), rng))
  const targets = Float64Array.from(points, () => rng.normal())
  const lengthscales = new Float64Array(axes.length).fill(0.2)
  const posterior = new Posterior(
    { isChoice: region.isChoice, points, targets },
    { lengthscales, additive: 0.5, joint: 0.5, noise: 0.01 },
  )
  const best = Math.min(...targets)
  const quest = { region, posterior, best, bases: points.slice(0, 5), rng, isIssued: () => false }
  const scoreOf = (config: Config) => logExpectedImprovement(posterior.predict(encodeConfig(axes, config)), best).log
  return { quest, scoreOf }
}

const square = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })
const stepped = spaceOf(
  { name: 'n', type: 'int', min: 0, max: 30 },
  { name: 'kind', type: 'choice', values: ['a', 'b', 'c', 'd', 'e'] },
  { name: 'other', type: 'choice', values: ['p', 'q', 'r', 's', 't'] },
)

const mixed = spaceOf(
  { name: 'x', type: 'float', min: 0, max: 1 },
  { name: 'n', type: 'int', min: 0, max: 3 },
  ...['c0', 'c1', 'c2', 'c3'].map((name) => ({ name, type: 'choice' as const, values: [...'pqrstu'] })),
)

function allOf<A, B, C>(as: readonly A[], bs: readonly B[], make: (a: A, b: B) => C): C[] {
  return as.flatMap((a) => bs.map((b) => make(a, b)))
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index)

const steppedConfigs = allOf(
  upTo(31),
  allOf([...'abcde'], [...'pqrst'], (kind, other) => ({ kind, other })),
  (n, choices) => ({ n, ...choices }),
)

test('between continuous values it finds a hill as high as the highest of a fine grid, most of the time', () => {
  const grid = allOf(upTo(61), upTo(61), (i, j) => ({ x: i / 60, y: j / 60 }))
  const won = upTo(10).filter((seed) => {
    const { quest, scoreOf } = questIn(square, seed)
    return propose(quest)!.score > Math.max(...grid.map(scoreOf)) - 1e-6
  })
  expect(won.length).toBeGreaterThanOrEqual(9)
})

test('between steps and choices it finds the best of all configs, most of the time', () => {
  const won = upTo(10).filter((seed) => {
    const { quest, scoreOf } = questIn(stepped, seed)
    return propose(quest)!.score > Math.max(...steppedConfigs.map(scoreOf)) - 1e-6
  })
  expect(won.length).toBeGreaterThanOrEqual(9)
})

test('between many choices it finds the best of all configs, half of the time', () => {
  const letters = [...'pqrst']
  const names = ['c0', 'c1', 'c2', 'c3', 'c4']
  const space = spaceOf(...names.map((name) => ({ name, type: 'choice' as const, values: letters })))
  const configs = names.reduce<Config[]>(
    (known, name) => allOf(known, letters, (config, letter) => ({ ...config, [name]: letter })),
    [{}],
  )
  const won = upTo(10).filter((seed) => {
    const { quest, scoreOf } = questIn(space, seed)
    return propose(quest)!.score > Math.max(...configs.map(scoreOf)) - 1e-6
  })
  expect(won.length).toBeGreaterThanOrEqual(5)
})

test('numbers go to their best beside the choice that was changed last', () => {
  for (const seed of upTo(5)) {
    const { quest, scoreOf } = questIn(mixed, seed)
    const { config, score } = propose(quest)!
    for (const shift of [-1e-3, 1e-3]) {
      const x = Math.min(1, Math.max(0, Number(config['x']) + shift))
      expect(scoreOf({ ...config, x })).toBeLessThanOrEqual(score + 1e-6)
    }
  }
})

test('the score is that of the config as it is, after rounding', () => {
  for (const seed of upTo(5)) {
    for (const space of [square, stepped]) {
      const { quest, scoreOf } = questIn(space, seed)
      const { config, score } = propose(quest)!
      expect(score).toBeCloseTo(scoreOf(config), 6)
    }
  }
})

test('what was issued is passed over for what is next to it', () => {
  const { quest, scoreOf } = questIn(stepped, 3)
  const first = propose(quest)!
  const second = propose({ ...quest, isIssued: (config) => scoreOf(config) >= first.score - 1e-9 })!
  expect(second.score).toBeLessThan(first.score)
  expect(second.score).toBeGreaterThan(first.score - 1)
})
