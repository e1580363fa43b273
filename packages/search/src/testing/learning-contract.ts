import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { contains } from '../space/contains.ts'
import { mixedSpace } from './documents.ts'
import { runMethod } from './sequential-run.ts'
import { spaceOf } from './spaces.ts'

/**
 * What every method that learns must do once it has learned, whatever the trials say.
 *
 * @param trials enough for its model to be asked
 */
export function learningContract(method: SweepDocument['method'], trials: number): void {
  test(`${method}: a finite space is used up exactly once`, () => {
    const space = spaceOf(
      { name: 'a', type: 'choice', values: ['p', 'q', 'r'] },
      { name: 'b', type: 'int', min: 1, max: 7 },
    )
    const { sampler, configs } = runMethod(method, 30, ({ b }) => Number(b), { space })
    expect(new Set(configs.map((config) => JSON.stringify(config))).size).toBe(21)
    expect(configs).toHaveLength(21)
    expect(sampler.ask(1)).toEqual({ suggestions: [], exhausted: true })
  })

  test(`${method}: 10,000 choices, a million integers, one choice and no width are all the same to it`, () => {
    const space = spaceOf(
      { name: 'many', type: 'choice', values: Array.from({ length: 10_000 }, (_, index) => `v${index}`) },
      { name: 'wide', type: 'int', min: 1, max: 1_000_000 },
      { name: 'one', type: 'choice', values: ['only'] },
      { name: 'none', type: 'float', min: 0.5, max: 0.5 },
      { name: 'same', type: 'int', min: 3, max: 3 },
    )
    const { configs } = runMethod(method, trials, ({ wide }) => Number(wide), { space })
    expect(configs).toHaveLength(trials)
    for (const config of configs) expect(contains(space, config)).toBe(true)
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, 0, null])(
    `${method}: when every trial gives %s it proposes`,
    (value) => {
      const { configs } = runMethod(method, trials, () => value, { space: mixedSpace })
      expect(configs).toHaveLength(trials)
      for (const config of configs) expect(contains(mixedSpace, config)).toBe(true)
    },
  )

  test(`${method}: trials that break a constraint are kept away from, however good they are`, () => {
    const space = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }, { name: 'y', type: 'float', min: 0, max: 1 })
    const loss = ({ x, y }: Config) => Number(x) + (Number(y) - 0.7) ** 2
    const constrained = (config: Config) => ({ loss: loss(config), memory: 10 * (1 - Number(config['x'])) })
    const constraints = [{ name: 'memory', max: 4 }]
    const { configs } = runMethod(method, 2 * trials, constrained, { space, constraints })
    const late = configs.slice(trials)
    expect(late.filter(({ x }) => Number(x) < 0.6).length).toBeLessThan(late.length / 2)
  })

  test.each([
    ['every trial breaks a constraint', { loss: 1, memory: 9 }],
    ['no trial reports what a constraint is about', { loss: 1 }],
  ])(`${method}: when %s it proposes`, (_, values) => {
    const { configs } = runMethod(method, trials, () => values, {
      space: mixedSpace,
      constraints: [{ name: 'memory', max: 4 }],
    })
    expect(configs).toHaveLength(trials)
    for (const config of configs) expect(contains(mixedSpace, config)).toBe(true)
  })
}
