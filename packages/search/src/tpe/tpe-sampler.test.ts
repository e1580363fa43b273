import type { PastResult } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { createSearch } from '../search.ts'
import { contains } from '../space/contains.ts'
import { documentOf } from '../testing/documents.ts'
import { created, report } from '../testing/histories.ts'
import { learningContract } from '../testing/learning-contract.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { finished, type RunOptions, runMethod } from '../testing/sequential-run.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { tpeSampler } from './tpe-sampler.ts'

samplerContract(tpeSampler, allSpaces)
learningContract('tpe', 30)

const square = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })

const run = (trials: number, objective: (config: Config) => number | null, options: Partial<RunOptions> = {}) =>
  runMethod('tpe', trials, objective, { space: square, ...options })

const bowl = ({ x, y }: Config) => (Number(x) - 0.8) ** 2 + (Number(y) - 0.3) ** 2
const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!

test('it gathers around the optimum, whichever way the metric goes', () => {
  for (const goal of ['minimize', 'maximize'] as const) {
    const sign = goal === 'minimize' ? 1 : -1
    const losses = [1, 2, 3, 4, 5].map((seed) =>
      Math.min(...run(60, (config) => sign * bowl(config), { seed, goal }).configs.map(bowl)),
    )
    // Sixty random points have a median best of 0.0037.
    expect(median(losses)).toBeLessThan(0.0015)
  }
})

test('trials that failed are kept away from', () => {
  const { configs } = run(80, (config) => (Number(config['x']) > 0.5 ? null : Number(config['y'])))
  const late = configs.slice(40)
  expect(late.filter((config) => Number(config['x']) > 0.5).length).toBeLessThan(late.length / 4)
})

test('what a condition switches on is learned apart from what it does not', () => {
  const space = spaceOf(
    { name: 'kind', type: 'choice', values: ['a', 'b', 'c'] },
    { name: 'p', type: 'float', min: 0, max: 1, when: { kind: ['a'] } },
    { name: 'q', type: 'float', min: 0, max: 1, when: { kind: ['b'] } },
  )
  const { configs } = run(
    100,
    ({ kind, p, q }) => (kind === 'a' ? 0.2 + Math.abs(Number(p) - 0.9) : kind === 'b' ? Math.abs(Number(q) - 0.1) : 1),
    { space },
  )
  for (const config of configs) expect(contains(space, config)).toBe(true)
  const late = configs.slice(60)
  expect(late.filter(({ kind }) => kind === 'b').length).toBeGreaterThan(late.length / 2)
  const q = late.flatMap((config) => (config['q'] === undefined ? [] : [Number(config['q'])]))
  expect(Math.abs(median(q) - 0.1)).toBeLessThan(0.15)
})

test('trials that run at the same time keep their distance', () => {
  const { sampler } = run(40, bowl)
  const configs = sampler.ask(16).suggestions.map(({ config }) => config)
  const distances = configs.flatMap((one, index) =>
    configs
      .slice(index + 1)
      .map((other) => Math.hypot(Number(one['x']) - Number(other['x']), Number(one['y']) - Number(other['y']))),
  )
  expect(Math.min(...distances)).toBeGreaterThan(1e-3)
})

test('where trials are stopped early, those count as good that got further, as soon as there are enough', () => {
  let { sampler } = createSearch(documentOf({ method: 'tpe', space: square, earlyTerminate: { type: 'asha' } }))
  for (let trial = 1; trial <= 60; trial += 1) {
    // Twelve that got far lie at the right; what was stopped at once lies at the left, with better numbers.
    const isFar = trial % 5 === 0
    sampler = sampler.tell(created(trial, { x: isFar ? 0.9 : 0.1, y: trial / 70 }, trial - 1))
    sampler = sampler.tell(report(trial, isFar ? 9 : 1, isFar ? 0.5 : 0.4))
    sampler = sampler.tell(finished(trial, isFar ? 0.5 : 0.4, 'pruned'))
  }
  const xs = sampler.ask(20).suggestions.map(({ config }) => Number(config['x']))
  expect(xs.filter((x) => x > 0.5).length).toBeGreaterThan(12)
})

test('a trial that is asked for again loses its old end', () => {
  const { sampler, configs } = run(40, bowl)
  const losses = configs.map(bowl)
  const best = losses.indexOf(Math.min(...losses)) + 1
  const failed = sampler
    .tell({ kind: 'trial-requeued', trial: best, by: 'somebody' })
    .tell(finished(best, null, 'failed'))
  const restored = failed.tell({ kind: 'trial-requeued', trial: best, by: 'x' }).tell(finished(best, losses[best - 1]!))
  expect(failed.ask(8)).not.toEqual(sampler.ask(8))
  expect(restored.ask(8)).toEqual(sampler.ask(8))
})

test('the reason names how many trials it learned from', () => {
  expect(run(5, bowl).sampler.ask(1).suggestions[0]?.reason).toMatch(/5 of 8 trials to learn from/)
  expect(run(30, bowl).sampler.ask(1).suggestions[0]?.reason).toMatch(/^like the best 5 of 30 trials/)
})

const believing = (mu: number) =>
  spaceOf(
    { name: 'x', type: 'float', min: 0, max: 1, prior: { mu, sigma: 0.05 } },
    { name: 'y', type: 'float', min: 0, max: 1 },
  )
const best = (mu: number, trials: number, seed: number) =>
  Math.min(...run(trials, bowl, { space: believing(mu), seed }).configs.map(bowl))

test('priors are where it begins, and where it looks first', () => {
  const space = spaceOf(
    { name: 'lr', type: 'float', min: 1e-5, max: 1, scale: 'log', prior: { mu: 1e-3, sigma: 0.1 } },
    { name: 'depth', type: 'int', min: 1, max: 9, prior: { mu: 4 } },
    { name: 'optimizer', type: 'choice', values: ['sgd', 'adam'], prior: { mu: 'adam' } },
  )
  const { suggestions } = createSearch(documentOf({ method: 'tpe', space })).sampler.ask(40)
  expect(suggestions[0]?.config['lr']).toBeCloseTo(1e-3, 12)
  expect(suggestions[0]?.config).toMatchObject({ depth: 4, optimizer: 'adam' })
  expect(suggestions[0]?.reason).toBe('where the priors expect good values')
  const near = suggestions.filter(({ config }) => Math.abs(Math.log(Number(config['lr']) / 1e-3)) < 0.3)
  expect(near.length).toBeGreaterThan(12)
  expect(near.length).toBeLessThan(30)
})

test('a good prior helps early, and a misleading one is forgotten', () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  const after = (mu: number, trials: number) => median(seeds.map((seed) => best(mu, trials, seed)))
  expect(after(0.8, 12)).toBeLessThan(after(0.05, 12) / 2)
  expect(after(0.05, 100)).toBeLessThan(0.01)
})

test('past results are where it begins; misleading ones are forgotten', () => {
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  const grid = Array.from({ length: 100 }, (_, index) => ({ x: (index % 10) / 10, y: Math.floor(index / 10) / 10 }))
  const after = (trials: number, lossOf: (config: Config) => number) => {
    const past = grid.map((config) => ({ config, value: lossOf(config) }))
    const losses = seeds.map((seed) => Math.min(...run(trials, bowl, { seed, past }).configs.map(bowl)))
    return median(losses)
  }
  // The same bowl elsewhere in height; and one turned upside down.
  const [good, bad] = [(config: Config) => 7 + bowl(config), (config: Config) => -bowl(config)]
  expect(after(1, good)).toBeLessThan(1e-9)
  expect(after(12, good)).toBeLessThan(after(12, bad) / 3)
  expect(after(100, bad)).toBeLessThan(0.01)
})

test('past results of other parameters and of values outside are no obstacle', () => {
  const past: PastResult[] = [
    { config: { x: 3, other: 'a' }, value: 1 },
    { config: { y: 'high' }, value: 2 },
  ]
  const { configs } = run(20, bowl, { past })
  expect(configs).toHaveLength(20)
  for (const config of configs) expect(contains(square, config)).toBe(true)
})
