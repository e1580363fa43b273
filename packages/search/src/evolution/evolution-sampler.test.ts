import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import type { SamplerRun } from '../sampler.ts'
import { createSearch } from '../search.ts'
import { contains } from '../space/contains.ts'
import { documentOf } from '../testing/documents.ts'
import { created, report } from '../testing/histories.ts'
import { learningContract } from '../testing/learning-contract.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { finished, type RunOptions, runMethod, startMethod } from '../testing/sequential-run.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { evolutionSampler } from './evolution-sampler.ts'

samplerContract(evolutionSampler, allSpaces)
learningContract('evolution', 60)

const space4 = spaceOf(...['x0', 'x1', 'x2', 'x3'].map((name) => ({ name, type: 'float' as const, min: 0, max: 1 })))
const sphere = (config: Config) =>
  [0.2, 0.8, 0.35, 0.6].reduce((sum, target, i) => sum + (Number(config[`x${i}`]) - target) ** 2, 0)

const run = (trials: number, objective: (config: Config) => number | null, options: Partial<RunOptions> = {}) =>
  runMethod('evolution', trials, objective, { space: space4, ...options })

test('it finds the minimum of a sphere', () => {
  // The best of 200 random points is at 0.02 or so.
  for (const seed of [1, 2, 3]) expect(Math.min(...run(200, sphere, { seed }).configs.map(sphere))).toBeLessThan(0.001)
})

test('only the order of the losses counts', () => {
  const plain = run(60, sphere).configs
  expect(run(60, (config) => Math.exp(5 * sphere(config)) - 100).configs).toEqual(plain)
  expect(run(60, (config) => -sphere(config), { goal: 'maximize' }).configs).toEqual(plain)
})

test('choices and what they switch on are learned', () => {
  const space = spaceOf(
    { name: 'kind', type: 'choice', values: ['a', 'b', 'c', 'd'] },
    { name: 'p', type: 'float', min: 0, max: 1, when: { kind: ['a', 'b'] } },
    { name: 'q', type: 'float', min: 0, max: 1, when: { kind: ['b', 'c'] } },
    { name: 'n', type: 'int', min: 0, max: 20 },
  )
  const loss = ({ kind, p = 0.5, q = 0.5, n }: Config) =>
    (kind === 'b' ? 0 : 0.5) + Math.abs(Number(p) - 0.9) + Math.abs(Number(q) - 0.1) + Math.abs(Number(n) - 17) / 20
  const { configs } = run(250, loss, { space })
  for (const config of configs) expect(contains(space, config)).toBe(true)
  const late = configs.slice(150)
  expect(late.filter(({ kind }) => kind === 'b').length).toBeGreaterThan(late.length / 2)
  // Choices go on being tried.
  expect(late.some(({ kind }) => kind !== 'b')).toBe(true)
  expect(Math.min(...configs.map(loss))).toBeLessThan(0.1)
})

test('trials that failed are no parents', () => {
  const { configs } = run(100, (config) => (Number(config['x0']) > 0.4 ? null : 1 - Number(config['x1'])))
  const late = configs.slice(60)
  expect(late.filter(({ x0 }) => Number(x0) > 0.4).length).toBeLessThan(late.length / 2)
})

test('parents come from the trials that got furthest', () => {
  const document = documentOf({ method: 'evolution', space: space4, earlyTerminate: { type: 'asha' } })
  let { sampler } = createSearch(document)
  for (let trial = 1; trial <= 40; trial += 1) {
    // What got far lies at the right; what was stopped at once lies at the left, with better numbers.
    const isFar = trial % 3 === 0
    const x = (isFar ? 0.9 : 0.1) + trial / 1000
    sampler = sampler.tell(created(trial, { x0: x, x1: x, x2: x, x3: x }, trial - 1))
    sampler = sampler.tell(report(trial, isFar ? 9 : 1, isFar ? 0.5 : 0.4))
    sampler = sampler.tell({
      kind: 'trial-ended',
      trial,
      state: 'pruned',
      value: isFar ? 0.5 : 0.4,
      reason: 'test',
    })
  }
  for (const { config } of sampler.ask(20).suggestions) expect(Number(config['x0'])).toBeGreaterThan(0.5)
})

test('the order in which trials end does not matter', () => {
  const { suggestions } = startMethod('evolution', { space: space4 }).ask(30)
  const all = suggestions.reduce(
    (s, { config, draw }) => s.tell(created(draw + 1, config, draw)),
    startMethod('evolution', { space: space4 }),
  )
  const end = (state: SamplerRun, order: typeof suggestions) =>
    order.reduce((s, { config, draw }) => s.tell(finished(draw + 1, sphere(config))), state)
  expect(end(all, [...suggestions].reverse()).ask(5)).toEqual(end(all, suggestions).ask(5))
})

test('a trial that is asked for again loses its old end', () => {
  const { sampler, configs } = run(40, sphere)
  const best = configs.map(sphere).indexOf(Math.min(...configs.map(sphere))) + 1
  const again = sampler.tell({ kind: 'trial-requeued', trial: best, by: 'somebody' })
  expect(again.tell(finished(best, null)).ask(8)).not.toEqual(sampler.ask(8))
  expect(again.tell(finished(best, sphere(configs[best - 1]!))).ask(8)).toEqual(sampler.ask(8))
})

test('where it has been before it goes on beside', () => {
  const space = spaceOf({ name: 'a', type: 'int', min: 0, max: 60 })
  const { reasons } = run(40, ({ a }) => Math.abs(Number(a) - 17), { space })
  expect(reasons.some((reason) => /, changed further as \d+ like it were issued before$/.test(reason))).toBe(true)
})

test('the reason says where a config comes from', () => {
  const { reasons } = run(20, sphere)
  expect(reasons[0]).toBe('the middle of every range')
  expect(reasons[5]).toBe('drawn at random: 5 of 12 trials for a population have ended')
  expect(reasons[19]).toBe('offspring of the best 12 of 19 trials')
})
