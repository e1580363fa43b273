import { configHash } from '@sweep/spec/config-hash'
import type { Config, SearchSpace } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import type { Sampler } from '../sampler.ts'
import { contains } from '../space/contains.ts'
import type { SpaceFillingState } from '../space-filling/space-filling-sampler.ts'
import { created } from './histories.ts'
import { gridSpaces, spaceOf } from './spaces.ts'

const settings = { goal: 'minimize' } as const

export function configsOf<S>(sampler: Sampler<S>, space: SearchSpace, seed: number, count: number): Config[] {
  const asked = sampler.ask(sampler.init(space, settings), count, (draw) => rngFor(seed, draw, sampler.name))
  return asked.suggestions.map(({ config }) => config)
}

/** A space of `dimensions` floats over [0, 1], called p000, p001, ... */
export function cube(dimensions: number): SearchSpace {
  const names = Array.from({ length: dimensions }, (_, index) => `p${String(index).padStart(3, '0')}`)
  return spaceOf(...names.map((name) => ({ name, type: 'float' as const, min: 0, max: 1 })))
}

export function pointsIn<S>(sampler: Sampler<S>, dimensions: number, seed: number, count: number): number[][] {
  return configsOf(sampler, cube(dimensions), seed, count).map((config) => Object.values(config) as number[])
}

/** Centred L2 discrepancy (Hickernell 1998), the distance of the points from an even spread. */
export function discrepancy(points: readonly (readonly number[])[]): number {
  const n = points.length
  const dimensions = points[0]!.length
  const far = points.map((point) => point.map((u) => Math.abs(u - 0.5)))
  let single = 0
  let double = 0
  for (const [i, own] of far.entries()) {
    single += own.reduce((product, z) => product * (1 + z / 2 - (z * z) / 2), 1)
    for (const [j, other] of far.entries()) {
      let product = 1
      for (let d = 0; d < dimensions; d += 1) {
        product *= 1 + own[d]! / 2 + other[d]! / 2 - Math.abs(points[i]![d]! - points[j]![d]!) / 2
      }
      double += product
    }
  }
  return Math.sqrt((13 / 12) ** dimensions - (2 / n) * single + double / n ** 2)
}

/** What every space-filling sampler must do beyond `samplerContract`. */
export function spaceFillingContract(sampler: Sampler<SpaceFillingState>): void {
  const { name } = sampler

  test(`${name}: the first 2^m draws use each of 2^m equal parts of every parameter once, and so do the next`, () => {
    for (const seed of [0, 1, 77]) {
      const points = pointsIn(sampler, 20, seed, 256)
      for (let m = 0; m <= 7; m += 1) {
        for (const first of [0, 2 ** m]) {
          for (let d = 0; d < 20; d += 1) {
            const cells = points.slice(first, first + 2 ** m).map((point) => Math.floor(point[d]! * 2 ** m))
            expect(new Set(cells).size).toBe(2 ** m)
          }
        }
      }
    }
  })

  test(`${name}: a draw is anywhere in its part, whatever the draw`, () => {
    for (const draw of [0, 1, 5, 15]) {
      const u = Array.from({ length: 400 }, (_, seed) => pointsIn(sampler, 2, seed, 16)[draw]!)
      for (const d of [0, 1]) {
        for (const parts of [2, 64]) {
          const low = u.filter((point) => (point[d]! * parts) % 1 < 0.5).length / u.length
          expect(Math.abs(low - 0.5)).toBeLessThan(0.1)
        }
      }
      const together = u.filter(([a, b]) => a! < 0.5 === b! < 0.5).length / u.length
      expect(Math.abs(together - 0.5)).toBeLessThan(0.1)
    }
  })

  test(`${name}: a finite space gives every config once and then ends`, () => {
    fc.assert(
      fc.property(gridSpaces, fc.nat(), fc.integer({ min: 1, max: 7 }), (space, seed, batch) => {
        let state = sampler.init(space, settings)
        const size = state.issued.lattice!.size
        fc.pre(size <= 200)
        const hashes: string[] = []
        for (let exhausted = false; !exhausted; ) {
          const asked = sampler.ask(state, batch, (draw) => rngFor(seed, draw, name))
          for (const { config, draw } of asked.suggestions) {
            state = sampler.tell(state, created(draw + 1, config, draw))
            hashes.push(configHash(config))
          }
          exhausted = asked.exhausted
        }
        expect(hashes.length).toBe(size)
        expect(new Set(hashes).size).toBe(size)
      }),
      { numRuns: 50 },
    )
  })

  test(`${name}: a trial that somebody enqueued leaves the other draws as they were`, () => {
    const all = configsOf(sampler, cube(3), 4, 8)
    const state = sampler.tell(sampler.init(cube(3), settings), created(1, all[2]!))
    const asked = sampler.ask(state, 8, (draw) => rngFor(4, draw, name)).suggestions
    expect(asked.map(({ config }) => config).filter((_, index) => index !== 2)).toEqual(
      all.filter((_, index) => index !== 2),
    )
    expect(asked[2]!.config).not.toEqual(all[2])
    expect(asked[2]!.reason).toMatch(/^drawn at random: point 3 /)
  })

  test(`${name}: the order of the parameters in the document and constants change nothing`, () => {
    const [a, b] = [
      { name: 'a', type: 'float' as const, min: 0, max: 1 },
      { name: 'b', type: 'normal' as const, mu: 0, sigma: 1 },
    ]
    const plain = configsOf(sampler, spaceOf(a, b), 5, 9)
    expect(configsOf(sampler, spaceOf(b, a), 5, 9)).toEqual(plain)
    const constant = { name: 'ab', type: 'constant' as const, value: 3 }
    expect(configsOf(sampler, spaceOf(a, constant, b), 5, 9)).toEqual(plain.map((config) => ({ ...config, ab: 3 })))
  })

  test(`${name}: ten thousand choices and a million integers are covered evenly`, () => {
    const values = Array.from({ length: 10_000 }, (_, index) => `v${index}`)
    const space = spaceOf(
      { name: 'a', type: 'choice', values },
      { name: 'b', type: 'int', min: -500_000, max: 499_999 },
    )
    const configs = configsOf(sampler, space, 1, 1024)
    expect(new Set(configs.map(({ a }) => a)).size).toBeGreaterThan(1000)
    const cells = configs.map(({ b }) => Math.floor(((b as number) + 500_000) / (1_000_000 / 64)))
    for (let cell = 0; cell < 64; cell += 1)
      expect(Math.abs(cells.filter((c) => c === cell).length - 16)).toBeLessThan(2)
  })

  test(`${name}: parameters of one value are one trial, and beside others they are no hindrance`, () => {
    const single = [
      { name: 'a', type: 'choice' as const, values: ['only'] },
      { name: 'b', type: 'int' as const, min: 3, max: 3 },
      { name: 'c', type: 'constant' as const, value: null },
    ]
    expect(configsOf(sampler, spaceOf(...single), 0, 5)).toEqual([{ a: 'only', b: 3, c: null }])
    const flat = { name: 'd', type: 'float' as const, min: 2, max: 2 }
    const varied = { name: 'e', type: 'float' as const, min: 0, max: 1 }
    const configs = configsOf(sampler, spaceOf(...single, flat, varied), 0, 8)
    expect(new Set(configs.map(({ e }) => e)).size).toBe(8)
    expect(configs.every(({ d }) => d === 2)).toBe(true)
  })

  test(`${name}: a float of no width and a space without parameters end`, () => {
    expect(configsOf(sampler, spaceOf({ name: 'a', type: 'float', min: 2, max: 2 }), 0, 5)).toEqual([{ a: 2 }])
    expect(configsOf(sampler, spaceOf(), 0, 5)).toEqual([{}])
  })

  test(`${name}: a parameter keeps its coordinates whether or not its condition holds`, () => {
    const space = spaceOf(
      { name: 'lr', type: 'float', min: 0, max: 1, when: { optimizer: ['sgd'] } },
      { name: 'optimizer', type: 'choice', values: ['sgd', 'adam'] },
    )
    const always = spaceOf(
      { name: 'lr', type: 'float', min: 0, max: 1 },
      { name: 'optimizer', type: 'choice', values: ['sgd', 'adam'] },
    )
    const configs = configsOf(sampler, space, 2, 2)
    for (const [index, { lr, optimizer }] of configsOf(sampler, always, 2, 2).entries()) {
      expect(configs[index]).toEqual(optimizer === 'sgd' ? { lr, optimizer } : { optimizer })
      expect(contains(space, configs[index]!)).toBe(true)
    }
  })
}
