import type { SweepDocument } from '@sweep/spec/document/sweep-document'
import type { Config } from '@sweep/spec/search-space'
import { expect, test } from 'vitest'
import { hypervolume } from '../pareto/hypervolume.ts'
import { contains } from '../space/contains.ts'
import { mixedSpace } from './documents.ts'
import { type Outcome, runMethod } from './sequential-run.ts'
import { spaceOf } from './spaces.ts'

const objectives = [
  { name: 'loss', goal: 'minimize' },
  { name: 'size', goal: 'minimize' },
] as const
const space = spaceOf(...['a', 'b', 'c', 'd'].map((name) => ({ name, type: 'float' as const, min: 0, max: 1 })))

/** The best of it lies where b, c and d are 0.3: there loss and size are a and 1 - a. */
function tradeOff({ a, ...rest }: Config): { loss: number; size: number } {
  const off = Object.values(rest).reduce<number>((sum, x) => sum + (Number(x) - 0.3) ** 2, 0)
  return { loss: Number(a) + 3 * off, size: 1 - Number(a) + 3 * off }
}

function volumeOf(configs: readonly Config[]): number {
  const losses = configs.map(tradeOff).map(({ loss, size }) => [loss, size])
  return hypervolume(losses, [1.5, 1.5])
}

/**
 * What every method that takes several objectives must do.
 *
 * @param trials enough for its model to be asked
 */
export function objectivesContract(method: SweepDocument['method'], trials: number): void {
  const run = (outcome: (config: Config) => Outcome, options: object = {}) =>
    runMethod(method, trials, outcome, { space, objectives, ...options })

  test(`${method}: with two objectives it finds more of the front than random configs do, and all along it`, () => {
    const [volumes, random] = [method, 'random' as const].map((one) =>
      [1, 2, 3].map((seed) => volumeOf(runMethod(one, 80, tradeOff, { space, seed, objectives }).configs)),
    ) as [number[], number[]]
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
    expect(sum(volumes)).toBeGreaterThan(sum(random) + 0.05)
    const late = run(tradeOff, { seed: 1 }).configs.map(({ a }) => Number(a))
    expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(0.5)
  })

  test(`${method}: the goal of each objective counts`, () => {
    const maximised = [objectives[0], { name: 'size', goal: 'maximize' }] as const
    const { configs } = run((config) => ({ ...tradeOff(config), size: -tradeOff(config).size }), {
      objectives: maximised,
    })
    expect(configs).toEqual(run(tradeOff).configs)
  })

  test(`${method}: trials without a number for one objective count as failed`, () => {
    const broken = ({ a }: Config) => Number(a) > 0.5
    const failing = run((config) => (broken(config) ? null : tradeOff(config)))
    const lacking: Outcome[] = [{ loss: 0, size: Number.NaN }, { loss: 0 }, { loss: Number.NaN, size: 0 }]
    for (const values of lacking) {
      expect(run((config) => (broken(config) ? values : tradeOff(config))).configs).toEqual(failing.configs)
    }
  })

  test.each<[string, (config: Config) => Outcome]>([
    ['one objective is always the same', () => ({ loss: Math.PI, size: 1 })],
    ['one objective is the negative of the other', ({ lr }) => ({ loss: Number(lr), size: -Number(lr) })],
    ['one objective is never a number', ({ lr }) => ({ loss: Number(lr), size: Number.NaN })],
    ['values lie at the ends of the doubles', ({ lr }) => ({ loss: 1e308, size: Number(lr) > 0.01 ? 1e308 : -1e308 })],
    ['no trial gives the second', ({ lr }) => ({ loss: Number(lr) })],
  ])(`${method}: when %s it proposes`, (_, outcome) => {
    const { configs } = run(outcome, { space: mixedSpace })
    expect(configs).toHaveLength(trials)
    for (const config of configs) expect(contains(mixedSpace, config)).toBe(true)
  })

  test(`${method}: trials that break a constraint come after all that do not`, () => {
    const constrained = (config: Config) => ({ ...tradeOff(config), memory: 10 * Number(config['a']) })
    const { configs } = run(constrained, { constraints: [{ name: 'memory', max: 3 }] })
    const late = configs.slice(trials / 2)
    // Three in ten random configs would be feasible.
    expect(late.filter(({ a }) => Number(a) <= 0.3).length).toBeGreaterThan(late.length / 2)
  })

  test(`${method}: eight objectives, and a finite space that is used up`, () => {
    const names = ['loss', 'o2', 'o3', 'o4', 'o5', 'o6', 'o7', 'o8']
    const values = ({ a }: Config) => Object.fromEntries(names.map((name, k) => [name, Math.abs(Number(a) - 3 * k)]))
    const { sampler, configs } = run(values, {
      space: spaceOf({ name: 'a', type: 'int', min: 1, max: 30 }),
      objectives: names.map((name) => ({ name, goal: 'minimize' })),
    })
    expect(new Set(configs.map(({ a }) => a)).size).toBe(30)
    expect(sampler.ask(1)).toEqual({ suggestions: [], exhausted: true })
  })
}
