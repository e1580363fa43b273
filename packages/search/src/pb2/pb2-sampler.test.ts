import { Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { replay } from '../replay.ts'
import { rngFor } from '../rng.ts'
import { documentOf } from '../testing/documents.ts'
import { created, curves, report, stopAsked } from '../testing/histories.ts'
import { samplerContract } from '../testing/sampler-contract.ts'
import { simulateSweep } from '../testing/simulated-sweep.ts'
import { allSpaces, spaceOf } from '../testing/spaces.ts'
import { type Training, trainPopulation } from '../testing/trained-population.ts'
import { pb2Sampler } from './pb2-sampler.ts'

samplerContract(pb2Sampler(Pbt.parse({ population: 12 })), allSpaces)

const line = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 })

/** The copies asked for after eight members came a level, the eighth the worst; gains are what `gainOf` says. */
function copies(configs: readonly Config[], gainOf: (config: Config) => number, space = line, places = 1) {
  const sampler = pb2Sampler(Pbt.parse({ population: configs.length, quantile: 0.5 }))
  const facts: FactBody[] = configs.flatMap((config, i) => [
    created(i + 1, config, i),
    ...curves({ [i + 1]: [100] }),
    report(i + 1, 5, 100 - gainOf(config)),
  ])
  const lost = Array.from({ length: places }, (_, i) => stopAsked(configs.length - i))
  const state = [...facts, ...lost].reduce(sampler.tell, sampler.init(space, { goal: 'minimize' }))
  return (seed: number) => sampler.ask(state, places, (draw) => rngFor(seed, draw)).suggestions
}

const eight = [0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15].map((x) => ({ x }))

test('the numbers of a copy go where gains have been the larger', () => {
  const moved = (gainOf: (config: Config) => number) => {
    const asked = copies(eight, gainOf)
    const found = Array.from({ length: 20 }, (_, seed) => asked(seed)[0]!)
    const up = found.filter(({ config, parent }) => Number(config['x']) > eight[parent! - 1]!.x).length
    return { up, reason: found[0]!.reason }
  }
  const { up, reason } = moved(({ x }) => 10 * Number(x))
  expect(up).toBeGreaterThan(15)
  expect(moved(({ x }) => -10 * Number(x)).up).toBeLessThan(5)
  expect(reason).toMatch(
    /^a copy of trial \d, rank \d of 7 with \d+\.?\d*: x 0\.\d+ → 0\.\d+; where a model of 8 intervals expects most of the next$/,
  )
})

test('before there are gains enough a copy is perturbed as by pbt', () => {
  const asked = copies(eight.slice(0, 3), ({ x }) => Number(x))
  const { config, reason, parent } = asked(1)[0]!
  expect(reason).toMatch(/: x \S+ → \S+( \(drawn\))?$/)
  const factor = Number(config['x']) / Number(eight[parent! - 1]!.x)
  expect(reason.endsWith('(drawn)') || [0.8, 1.2].some((one) => Math.abs(one - factor) < 1e-9)).toBe(true)
})

test('copies that are asked for at once keep their distance', () => {
  const asked = copies(eight, ({ x }) => 10 * Number(x), line, 3)
  const gaps = Array.from({ length: 12 }, (_, seed) => {
    const xs = asked(seed).map(({ config }) => Number(config['x']))
    return Math.min(...xs.flatMap((x, i) => xs.slice(i + 1).map((other) => Math.abs(x - other))))
  })
  expect(gaps.filter((gap) => gap > 1e-4).length).toBe(12)
})

test('choices are perturbed as by pbt, and what a condition switches off is left out', () => {
  const space = spaceOf(
    { name: 'opt', type: 'choice', values: ['sgd', 'adam', 'lion'] },
    { name: 'x', type: 'float', min: 0, max: 1 },
    { name: 'beta', type: 'float', min: 0, max: 1, when: { opt: ['adam'] } },
  )
  const configs = eight.map(({ x }, i): Config => (i % 2 ? { opt: 'adam', x, beta: x } : { opt: 'sgd', x }))
  const asked = copies(configs, ({ x }) => Number(x), space)
  const all = Array.from({ length: 40 }, (_, seed) => asked(seed)[0]!)
  for (const { config } of all) expect(Object.hasOwn(config, 'beta')).toBe(config['opt'] === 'adam')
  const kept = all.filter(({ config, parent }) => config['opt'] === configs[parent! - 1]!['opt'])
  // With the chance of 0.25 drawn anew, of which a third is the same.
  expect(kept.length).toBeGreaterThan(25)
  expect(kept.length).toBeLessThan(40)
})

test('gains that are no numbers, or all the same, leave it able to propose', () => {
  for (const gain of [Number.NaN, Number.POSITIVE_INFINITY, 0]) {
    const [copy] = copies(eight, () => gain)(1)
    expect(copy?.config['x']).toBeGreaterThanOrEqual(0)
  }
})

test('a finite space is used up', () => {
  const space = spaceOf({ name: 'x', type: 'int', min: 1, max: 10 })
  const asked = copies(
    Array.from({ length: 9 }, (_, i) => ({ x: i + 1 })),
    ({ x }) => Number(x),
    space,
    2,
  )
  expect(asked(1).map(({ config }) => config)).toEqual([{ x: 10 }])
})

/** The loss falls fastest where four numbers are near values that drift, two up and two down. */
const drifting: Training<number> = {
  start: 1,
  steps: 100,
  stepped(loss, config, step) {
    const best = [0.2 + 0.003 * step, 0.7 - 0.003 * step, 0.4 + 0.003 * step, 0.9 - 0.003 * step]
    const away = best.reduce((sum, x, k) => sum + (Number(config[`x${k}`]) - x) ** 2, 0)
    return loss * (1 - 0.08 * Math.exp(-away / 0.18))
  },
  value: (loss) => loss,
}

test('it comes further than pbt in as many steps (docs/search/pb2.md)', () => {
  const space = spaceOf(...[0, 1, 2, 3].map((k) => ({ name: `x${k}`, type: 'float' as const, min: 0, max: 1 })))
  const logs = (method: string) =>
    Array.from({ length: 3 }, (_, seed) => {
      const document = documentOf({ method, space, seed, pbt: { maxResource: 100 } })
      return Math.log10(Math.min(...trainPopulation(document, drifting, 8)))
    })
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value / values.length, 0)
  expect(mean(logs('pb2'))).toBeCloseTo(-3.05, 1)
  expect(mean(logs('pbt'))).toBeCloseTo(-2.2, 1)
})

test('a sweep replays to the same copies and prunes, through lost attempts and late facts', () => {
  const document = documentOf({ method: 'pb2', pbt: { population: 5, interval: 4 } })
  for (let seed = 0; seed < 3; seed += 1) {
    const { facts } = simulateSweep(document, 30, 5, { steps: 30 }, rngFor(seed, 0, 'workers'))
    const result = replay(document, facts)
    expect(result.differences).toEqual([])
    expect(
      facts.filter((fact) => fact.kind === 'trial-created' && fact.reason.includes('a model of')).length,
    ).toBeGreaterThan(5)
  }
})
