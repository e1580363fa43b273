import { configHash } from '@sweep/spec/config-hash'
import type { SearchSpace } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import type { Asked, RngAt, Sampler } from '../sampler.ts'
import { contains } from '../space/contains.ts'
import { created, report, started } from './histories.ts'

const settings = { goal: 'minimize' } as const

/** What every sampler must do, on spaces of the kinds it takes. */
export function samplerContract<S>(sampler: Sampler<S>, spaces: fc.Arbitrary<SearchSpace>): void {
  const seeded =
    (seed: number): RngAt =>
    (draw) =>
      rngFor(seed, draw, sampler.name)
  const told = (state: S, { suggestions }: Asked) =>
    suggestions.reduce((s, { config, draw }) => sampler.tell(s, created(draw + 1, config, draw)), state)
  const check = (property: (space: SearchSpace, seed: number) => void) =>
    fc.assert(fc.property(spaces, fc.nat(), (space, seed) => property(space, seed)))

  test(`${sampler.name}: the same seed and history give the same configs`, () => {
    check((space, seed) => {
      const once = told(sampler.init(space, settings), sampler.ask(sampler.init(space, settings), 2, seeded(seed)))
      const again = told(sampler.init(space, settings), sampler.ask(sampler.init(space, settings), 2, seeded(seed)))
      expect(sampler.ask(once, 3, seeded(seed))).toEqual(sampler.ask(again, 3, seeded(seed)))
    })
  })

  test(`${sampler.name}: configs lie in the space, and no two are the same`, () => {
    check((space, seed) => {
      let state = sampler.init(space, settings)
      const hashes: string[] = []
      for (let i = 0; i < 4; i += 1) {
        const asked = sampler.ask(state, 3, seeded(seed))
        for (const { config } of asked.suggestions) {
          expect(contains(space, config)).toBe(true)
          hashes.push(configHash(config))
        }
        state = told(state, asked)
      }
      expect(new Set(hashes).size).toBe(hashes.length)
    })
  })

  test(`${sampler.name}: asking for fewer gives the beginning of what asking for more gives`, () => {
    check((space, seed) => {
      const state = sampler.init(space, settings)
      const many = sampler.ask(state, 5, seeded(seed)).suggestions
      expect(sampler.ask(state, 2, seeded(seed)).suggestions).toEqual(many.slice(0, 2))
    })
  })

  test(`${sampler.name}: draws count on from the highest one told, and exhausted means fewer than asked`, () => {
    check((space, seed) => {
      const first = sampler.ask(sampler.init(space, settings), 3, seeded(seed))
      expect(first.suggestions.map(({ draw }) => draw)).toEqual([...first.suggestions.keys()])
      expect(first.exhausted).toBe(first.suggestions.length < 3)
      const second = sampler.ask(told(sampler.init(space, settings), first), 3, seeded(seed))
      expect(second.suggestions.map(({ draw }) => draw)).toEqual(
        [...second.suggestions.keys()].map((index) => index + first.suggestions.length),
      )
      expect(second.exhausted).toBe(second.suggestions.length < 3)
    })
  })

  test(`${sampler.name}: the old state still stands after a fact was told`, () => {
    check((space, seed) => {
      const state = told(sampler.init(space, settings), sampler.ask(sampler.init(space, settings), 1, seeded(seed)))
      const before = sampler.ask(state, 4, seeded(seed))
      const next = told(state, before)
      told(state, sampler.ask(state, 2, seeded(seed)))
      const after = sampler.ask(next, 2, seeded(seed))
      expect(sampler.ask(state, 4, seeded(seed))).toEqual(before)
      expect(sampler.ask(next, 2, seeded(seed))).toEqual(after)
    })
  })

  test(`${sampler.name}: facts told in another order give the same configs`, () => {
    check((space, seed) => {
      const empty = sampler.init(space, settings)
      const first = sampler.ask(empty, 4, seeded(seed))
      const reversed = { ...first, suggestions: [...first.suggestions].reverse() }
      expect(sampler.ask(told(empty, reversed), 3, seeded(seed))).toEqual(
        sampler.ask(told(empty, first), 3, seeded(seed)),
      )
    })
  })

  test(`${sampler.name}: a config that somebody enqueued is not proposed`, () => {
    check((space, seed) => {
      const state = sampler.init(space, settings)
      const taken = sampler.ask(state, 3, seeded(seed)).suggestions
      const next = taken.reduce((s, { config }, index) => sampler.tell(s, created(index + 1, config)), state)
      const hashes = sampler.ask(next, 5, seeded(seed)).suggestions.map(({ config }) => configHash(config))
      expect(hashes.filter((hash) => taken.some(({ config }) => configHash(config) === hash))).toEqual([])
    })
  })

  test(`${sampler.name}: values that are NaN, infinite or all the same leave it able to propose`, () => {
    check((space, seed) => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 0]) {
        const first = sampler.ask(sampler.init(space, settings), 2, seeded(seed))
        let state = told(sampler.init(space, settings), first)
        for (const { draw } of first.suggestions) {
          for (const fact of [started(draw + 1), report(draw + 1, 1, value)]) state = sampler.tell(state, fact)
        }
        const next = sampler.ask(state, 2, seeded(seed))
        expect(next.exhausted || next.suggestions.length === 2).toBe(true)
        for (const { config } of next.suggestions) expect(contains(space, config)).toBe(true)
      }
    })
  })
}
