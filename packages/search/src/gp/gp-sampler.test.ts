import { configHash } from '@sweep/spec/config-hash'
import type { Config } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import type { RngAt, Suggestion } from '../sampler.ts'
import { createSearch } from '../search.ts'
import { contains } from '../space/contains.ts'
import { documentOf } from '../testing/documents.ts'
import { created } from '../testing/histories.ts'
import { learningContract } from '../testing/learning-contract.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { finished, type RunOptions, runMethod } from '../testing/sequential-run.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { gpSampler } from './gp-sampler.ts'

samplerContract(gpSampler, allSpaces)
learningContract('gp', 14)

const square = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })

const run = (trials: number, objective: (config: Config) => number | null, options: Partial<RunOptions> = {}) =>
  runMethod('gp', trials, objective, { space: square, ...options })

const bowl = ({ x, y }: Config) => (Number(x) - 0.8) ** 2 + (Number(y) - 0.3) ** 2
const waves = ({ x, y }: Config) => Math.sin(7 * Number(x) + 5 * Number(y)) * Math.cos(9 * Number(y))
const distance = (a: Config, b: Config) => Math.hypot(Number(a['x']) - Number(b['x']), Number(a['y']) - Number(b['y']))

test('it finds the bottom of a bowl within twenty trials, whichever way the metric goes', () => {
  for (const goal of ['minimize', 'maximize'] as const) {
    const sign = goal === 'minimize' ? 1 : -1
    for (const seed of [1, 2, 3]) {
      const { configs } = run(20, (config) => sign * bowl(config), { seed, goal })
      // Twenty random points have a median best of 0.011.
      expect(Math.min(...configs.map(bowl))).toBeLessThan(1e-4)
    }
  }
})

test('in any space the model gives new configs of the space, the same again, and fewer as the beginning of more', () => {
  const values = fc.array(fc.constantFrom(0, 1, 2, 0.5, Number.NaN, null), { minLength: 12, maxLength: 12 })
  fc.assert(
    fc.property(allSpaces, fc.nat(), values, (space, seed, ends) => {
      const rngAt: RngAt = (draw) => rngFor(seed, draw, 'gp')
      let state = gpSampler.init(space, { goal: 'minimize' })
      const hashes = new Set<string>()
      for (const { config, draw } of gpSampler.ask(state, 12, rngAt).suggestions) {
        const value = ends[draw]!
        state = gpSampler.tell(state, created(draw + 1, config, draw))
        state = gpSampler.tell(state, finished(draw + 1, value))
        hashes.add(configHash(config))
      }
      const asked = gpSampler.ask(state, 3, rngAt)
      expect(gpSampler.ask(state, 3, rngAt)).toEqual(asked)
      expect(gpSampler.ask(state, 2, rngAt).suggestions).toEqual(asked.suggestions.slice(0, 2))
      expect(asked.exhausted).toBe(asked.suggestions.length < 3)
      for (const { config } of asked.suggestions) {
        expect(contains(space, config)).toBe(true)
        expect(hashes.has(configHash(config))).toBe(false)
        hashes.add(configHash(config))
      }
    }),
    { numRuns: 15 },
  )
})

test('the order in which trials ended changes nothing', () => {
  const { configs } = run(12, bowl)
  const { sampler } = createSearch(documentOf({ method: 'gp', seed: 1, space: square }))
  const told = (order: readonly number[]) => {
    const known = configs.reduce((before, config, i) => before.tell(created(i + 1, config, i)), sampler)
    return order.reduce((before, i) => before.tell(finished(i + 1, bowl(configs[i]!))), known).ask(2)
  }
  const order = [...configs.keys()]
  expect(told(order.toReversed())).toEqual(told(order))
})

test('it keeps away from where trials fail', () => {
  const { configs } = run(30, (config) => (Number(config['x']) > 0.5 ? null : Number(config['y'])))
  expect(configs.slice(12).filter((config) => Number(config['x']) > 0.6).length).toBeLessThan(5)
})

test('what a condition switches on is found', () => {
  const space = spaceOf(
    { name: 'kind', type: 'choice', values: ['a', 'b', 'c'] },
    { name: 'p', type: 'float', min: 0, max: 1, when: { kind: ['a'] } },
    { name: 'q', type: 'float', min: 0, max: 1, when: { kind: ['b'] } },
  )
  const loss = ({ kind, p, q }: Config) =>
    kind === 'a' ? 0.2 + (Number(p) - 0.9) ** 2 : kind === 'b' ? (Number(q) - 0.1) ** 2 : 1
  const { configs } = run(25, loss, { space })
  for (const config of configs) expect(contains(space, config)).toBe(true)
  expect(Math.min(...configs.map(loss))).toBeLessThan(1e-4)
})

test('integers, steps and choices are moved to their best value', () => {
  const space = spaceOf(
    { name: 'layers', type: 'int', min: 1, max: 40 },
    { name: 'dropout', type: 'float', min: 0, max: 1, quantum: { q: 0.05, integer: false } },
    { name: 'batch', type: 'choice', values: [8, 16, 32, 64, 128, 256] },
    { name: 'kind', type: 'choice', values: ['p', 'q', 'r', 's'] },
  )
  const loss = ({ layers, dropout, batch, kind }: Config) =>
    Math.abs(Number(layers) - 29) / 40 +
    Math.abs(Number(dropout) - 0.35) +
    Math.abs(Math.log2(Number(batch)) - 6) / 6 +
    (kind === 'r' ? 0 : 0.3)
  const { configs } = run(40, loss, { space })
  expect(configs.map(loss).sort((a, b) => a - b)[0]).toBeLessThan(0.03)
})

test('trials that run at the same time keep their distance', () => {
  const configs = run(12, waves)
    .sampler.ask(8)
    .suggestions.map(({ config }) => config)
  const distances = configs.flatMap((one, i) => configs.slice(i + 1).map((other) => distance(one, other)))
  expect(Math.min(...distances)).toBeGreaterThan(1e-3)
})

test('a running trial keeps others away from its config', () => {
  const { sampler } = run(12, waves)
  const [first] = sampler.ask(1).suggestions
  const enqueued = sampler.tell(created(13, first!.config))
  expect(distance(enqueued.ask(1).suggestions[0]!.config, first!.config)).toBeGreaterThan(0.01)
})

test('after thousands of trials it still finds where to go on', () => {
  let { sampler } = createSearch(documentOf({ method: 'gp', space: square }))
  for (let trial = 1; trial <= 2000; trial += 1) {
    const config = { x: ((trial * 7919) % 2000) / 2000, y: ((trial * 104_729) % 1999) / 1999 }
    sampler = sampler.tell(created(trial, config, trial - 1)).tell(finished(trial, bowl(config)))
  }
  const { config, reason } = sampler.ask(1).suggestions[0]!
  expect(bowl(config)).toBeLessThan(1e-3)
  expect(reason).toMatch(/model of 300 trials/)
})

test('the reason names what is expected, over what, and which parameters matter', () => {
  expect(run(5, bowl).sampler.ask(1).suggestions[0]?.reason).toBe('point 6 of the sobol sequence')
  const { sampler, configs } = run(12, ({ x }) => -Math.sin(6 * Number(x)), { goal: 'maximize' })
  const best = Number(Math.max(...configs.map(({ x }) => -Math.sin(6 * Number(x)))).toPrecision(6))
  const { reason } = sampler.ask(1).suggestions[0]!
  expect(reason).toMatch(/^expected improvement [0-9.e-]+ on .*; model of 12 trials; shortest lengthscales: x /)
  expect(reason).toContain(` on ${best};`)
})

/** The value that a suggestion is to improve on. */
const improvedOn = ({ reason }: Suggestion) => Number(/ on (\S+);/.exec(reason)![1])

test('every other suggestion is to be better than the best by more than the noise', () => {
  let trial = 0
  const noisy = (config: Config) => {
    trial += 1
    return bowl(config) + rngFor(3, trial).normal()
  }
  const { sampler, configs } = run(20, noisy)
  trial = 0
  const best = Math.min(...configs.map(noisy))
  const [even, odd] = sampler.ask(2).suggestions.map(improvedOn)
  expect(even).toBeCloseTo(best, 4)
  expect(odd).toBeLessThan(best - 0.5)
})

test('what running trials are expected to give is to be improved on too', () => {
  const { sampler, configs } = run(10, bowl)
  const [first, , third] = sampler.ask(3).suggestions.map(improvedOn)
  expect(first).toBeCloseTo(Math.min(...configs.map(bowl)), 6)
  expect(third).toBeLessThan(first! - 1e-4)
})
