import type { FactBody } from '@sweep/spec/facts'
import type { Config } from '@sweep/spec/search-space'
import fc from 'fast-check'
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
import { cmaesSampler } from './cmaes-sampler.ts'

samplerContract(cmaesSampler, allSpaces)
learningContract('cmaes', 300)

const box = (size: number) =>
  spaceOf(...Array.from({ length: size }, (_, i) => ({ name: `x${i}`, type: 'float' as const, min: 0, max: 1 })))
const vector = (config: Config) => Object.keys(config).map((_, i) => Number(config[`x${i}`]))
const sphere = (config: Config) => vector(config).reduce((sum, x, i) => sum + (x - 0.2 - 0.1 * i) ** 2, 0)

function run(trials: number, objective: (config: Config) => number | null, options: Partial<RunOptions> = {}) {
  const done = runMethod('cmaes', trials, objective, { space: box(4), ...options })
  return { ...done, best: (loss: (config: Config) => number) => Math.min(...done.configs.map(loss)) }
}

test('it finds the minimum of an ellipsoid that is turned and a thousand times as long as wide', () => {
  // Differences of neighbours turn the axes; the space's corners have losses around 100.
  const ellipsoid = (config: Config) => {
    const z = vector(config).map((x, i) => x - 0.3 - 0.08 * i)
    return z.reduce((sum, zi, i) => sum + 10 ** (i - 1) * (zi + (z[i - 1] ?? 0) - (z[i + 1] ?? 0)) ** 2, 0)
  }
  for (const seed of [1, 2]) expect(run(700, ellipsoid, { seed, space: box(5) }).best(ellipsoid)).toBeLessThan(1e-4)
})

test('it follows the valley of the Rosenbrock function', () => {
  const rosenbrock = (config: Config) => {
    const z = vector(config).map((x) => 4 * x - 2)
    return z.slice(1).reduce((sum, next, i) => sum + 100 * (next - z[i]! ** 2) ** 2 + (1 - z[i]!) ** 2, 0)
  }
  for (const seed of [1, 2]) expect(run(700, rosenbrock, { seed, space: box(3) }).best(rosenbrock)).toBeLessThan(1e-3)
})

test('80 parameters are no trouble', () => {
  const loss = (config: Config) => vector(config).reduce((sum, x, i) => sum + (x - (i % 2 === 0 ? 0.3 : 0.7)) ** 2, 0)
  const { configs, best } = run(800, loss, { space: box(80) })
  expect(best(loss)).toBeLessThan(loss(configs[0]!) / 2)
})

test('only the order of the losses counts', () => {
  const plain = run(120, sphere).configs
  expect(run(120, (config) => Math.exp(5 * sphere(config)) - 100).configs).toEqual(plain)
  expect(run(120, (config) => -sphere(config), { goal: 'maximize' }).configs).toEqual(plain)
})

test('integers of few values are solved, though the step size falls below a step', () => {
  const space = spaceOf(
    ...['a', 'b', 'c'].map((name) => ({ name, type: 'int' as const, min: 0, max: 9 })),
    ...['x', 'y'].map((name) => ({ name, type: 'float' as const, min: 0, max: 1 })),
  )
  const loss = ({ a, b, c, x, y }: Config) =>
    Math.abs(Number(a) - 8) +
    Math.abs(Number(b) - 1) +
    Math.abs(Number(c) - 6) +
    (Number(x) - 0.9) ** 2 +
    Number(y) ** 2
  for (const seed of [1, 2, 3]) expect(run(400, loss, { space, seed }).best(loss)).toBeLessThan(1e-3)
})

test('choices and what they switch on are learned', () => {
  const space = spaceOf(
    { name: 'kind', type: 'choice', values: ['a', 'b', 'c', 'd'] },
    { name: 'p', type: 'float', min: 0, max: 1, when: { kind: ['a', 'b'] } },
    { name: 'q', type: 'float', min: 0, max: 1, when: { kind: ['b', 'c'] } },
  )
  const loss = ({ kind, p = 0.5, q = 0.5 }: Config) =>
    (kind === 'b' ? 0 : 0.5) + Math.abs(Number(p) - 0.9) + Math.abs(Number(q) - 0.1)
  const { configs } = run(200, loss, { space })
  for (const config of configs) expect(contains(space, config)).toBe(true)
  const late = configs.slice(120)
  expect(late.filter(({ kind }) => kind === 'b').length).toBeGreaterThan(late.length / 2)
  expect(Math.min(...configs.map(loss))).toBeLessThan(0.02)
})

test('trials that failed are kept away from', () => {
  const { configs } = run(150, (config) => (Number(config['x0']) > 0.25 ? null : 1 - Number(config['x1'])))
  const late = configs.slice(100)
  expect(late.filter(({ x0 }) => Number(x0) > 0.25).length).toBeLessThan(late.length / 2)
  expect(late.filter(({ x1 }) => Number(x1) > 0.8).length).toBeGreaterThan(late.length / 2)
})

test('on a plateau it goes further out', () => {
  const { configs } = run(60, () => 1)
  const late = configs.slice(-20).map((config) => Math.max(...vector(config).map((x) => Math.abs(x - 0.5))))
  expect(late.filter((distance) => distance > 0.3).length).toBeGreaterThan(10)
})

test('once it has converged it starts over elsewhere with twice the population', () => {
  const { reasons, configs } = run(600, sphere, { space: box(2) })
  const restart = reasons.findIndex((reason) => reason.startsWith('restart 1, generation 1 around the start'))
  expect(restart).toBeGreaterThan(50)
  expect(reasons[restart - 1]).toMatch(/around the best 2 of 5: step size/)
  expect(reasons.some((reason) => /^restart 1, generation 2 around the best 5 of 10/.test(reason))).toBe(true)
  const firstOfRestart = configs.slice(restart, restart + 10).map(sphere)
  expect(Math.max(...firstOfRestart)).toBeGreaterThan(0.05)
})

test('when nothing gets better for long it starts over too', () => {
  // 10 + 30 * 2 / 5 generations of 5.
  const { reasons } = run(130, () => 1, { space: box(2) })
  expect(reasons.findIndex((reason) => reason.startsWith('restart 1'))).toBe(120)
})

test('trials may end in any order, late ones too, and nothing waits for those that never end', () => {
  const endings = fc.array(fc.nat(), { minLength: 300, maxLength: 300 })
  fc.assert(
    fc.property(endings, fc.integer({ min: 2, max: 30 }), (picks, workers) => {
      let sampler = startMethod('cmaes', { space: box(4) })
      const running: { trial: number; config: Config }[] = []
      let [trial, best] = [0, Number.POSITIVE_INFINITY]
      for (const pick of picks) {
        for (const { config, draw } of sampler.ask(workers - running.length).suggestions) {
          trial += 1
          sampler = sampler.tell(created(trial, config, draw))
          // Some never end.
          if (trial % 20 !== 0) running.push({ trial, config })
        }
        const [ended] = running.splice(pick % running.length, 1)
        best = Math.min(best, sphere(ended!.config))
        sampler = sampler.tell(finished(ended!.trial, sphere(ended!.config)))
      }
      expect(best).toBeLessThan(0.01)
    }),
    { numRuns: 6 },
  )
})

test('more trials at once than a generation has are all different', () => {
  const { suggestions } = run(30, sphere).sampler.ask(50)
  expect(new Set(suggestions.map(({ config }) => JSON.stringify(config))).size).toBe(50)
})

test('a trial that is asked for again before its generation is full loses its old end', () => {
  // Generations of 6: of 26 trials the last two have ended since.
  const { sampler, configs } = run(26, sphere)
  const more = sampler.ask(4).suggestions
  const full = (state: SamplerRun) =>
    more.reduce(
      (s, { config, draw }) => s.tell(created(draw + 1, config, draw)).tell(finished(draw + 1, sphere(config))),
      state,
    )
  const again = sampler.tell({ kind: 'trial-requeued', trial: 26, by: 'somebody' })
  const repeated = full(again.tell(finished(26, sphere(configs[25]!))))
  expect(repeated.ask(3)).toEqual(full(sampler).ask(3))
  expect(full(again).ask(1).suggestions[0]!.reason).toMatch(/^generation 5 /)
  expect(full(sampler).ask(1).suggestions[0]!.reason).toMatch(/^generation 6 /)
})

test('a cancelled trial counts in no generation', () => {
  const { sampler } = run(5, sphere)
  const cancelled: FactBody = { kind: 'trial-ended', trial: 6, state: 'cancelled', value: 0, reason: 'test' }
  const reason = (state: SamplerRun) => state.ask(1).suggestions[0]!.reason
  const sixth = sampler.tell(created(6, sampler.ask(1).suggestions[0]!.config, 5))
  expect(reason(sixth.tell(cancelled))).toMatch(/^generation 1 /)
  expect(reason(sixth.tell(finished(6, 0)))).toMatch(/^generation 2 /)
})

test('a trial that was stopped early counts in its generation', () => {
  const earlyTerminate = { type: 'asha', minResource: 1, maxResource: 9 }
  let { sampler } = createSearch(documentOf({ method: 'cmaes', space: box(4), earlyTerminate }))
  for (let trial = 1; trial <= 6; trial += 1) {
    const { config, draw, reason } = sampler.ask(1).suggestions[0]!
    if (trial > 1) expect(reason).toMatch(/^generation 1 /)
    const facts = [
      created(trial, config, draw),
      report(trial, 1, sphere(config)),
      finished(trial, sphere(config), 'pruned'),
    ]
    for (const fact of facts) sampler = sampler.tell(fact)
  }
  expect(sampler.ask(1).suggestions[0]!.reason).toMatch(/^generation 2 around the best 3 of 6/)
})

test('where it has been before it goes on beside', () => {
  const space = spaceOf({ name: 'a', type: 'int', min: 0, max: 60 })
  const { reasons } = run(40, ({ a }) => Math.abs(Number(a) - 17), { space })
  expect(reasons.some((reason) => /, widened as \d+ draws were issued before$/.test(reason))).toBe(true)
})

test('the reason names the generation, what it learned from and the step size', () => {
  const { reasons } = run(20, sphere)
  expect(reasons[0]).toBe('the middle of every range')
  expect(reasons[1]).toBe('generation 1 around the start: step size 0.2')
  expect(reasons[13]).toMatch(/^generation 3 around the best 3 of 6: step size 0\.\d+$/)
})
