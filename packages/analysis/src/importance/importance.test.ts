import { IMPORTANCE_METHODS, type ImportanceMethod } from '@sweep/spec/importance-methods'
import type { Json } from '@sweep/spec/number'
import type { Config } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createRng } from '../rng.ts'
import { tableOf } from '../table.ts'
import reference from '../testing/fixtures/importance.json' with { type: 'json' }
import { choice, completed, drawn, spaceOf, unit } from '../testing/sweeps.ts'
import type { SweepPoints } from '../trial-points.ts'
import { importanceOf } from './importance.ts'

const known: SweepPoints = {
  space: spaceOf(
    { name: 'lr', type: 'float', min: 1e-4, max: 1, scale: 'log' },
    { name: 'layers', type: 'int', min: 1, max: 8 },
    choice('optimizer', 'adam', 'sgd', 'lamb'),
    unit('noise'),
    { name: 'epochs', type: 'constant', value: 3 },
  ),
  goal: 'minimize',
  trials: completed(reference.trials.map(({ loss, ...config }) => [config as Config, loss] as const)),
}

const sharesOf = (points: SweepPoints, method: ImportanceMethod, seed = 0) => {
  const { parameters } = importanceOf(points, { method, seed })
  return Object.fromEntries(parameters.map(({ name, importance }) => [name, importance]))
}
const namesOf = (points: SweepPoints, method: ImportanceMethod) =>
  importanceOf(points, { method }).parameters.map(({ name }) => name)

describe('a function of three parameters that scikit-learn, SciPy and Optuna looked at too', () => {
  test('the forest explains as much as that of scikit-learn, with as much of it by each parameter', () => {
    const { r2, parameters } = importanceOf(known, { method: 'mdi' })
    expect(r2).toBeCloseTo(reference.outOfBagR2, 1.5)
    const explained = parameters.reduce((sum, { importance }) => sum + importance, 0)
    for (const [name, share] of Object.entries(reference.mdi))
      expect(Math.abs(sharesOf(known, 'mdi')[name]! / explained - share)).toBeLessThan(0.02)
  })

  test('shuffling costs about what it costs scikit-learn, which looks at trials that it knows', () => {
    const shares = sharesOf(known, 'permutation')
    for (const [name, share] of Object.entries(reference.permutation))
      expect(Math.abs(shares[name]! - share)).toBeLessThan(0.02 + 0.15 * share)
  })

  test('correlations are those of SciPy', () => {
    for (const method of ['pearson', 'spearman'] as const) {
      const { parameters } = importanceOf(known, { method })
      for (const [name, expected] of Object.entries(reference[method])) {
        const found = parameters.find((one) => one.name === name)!
        expect(found.correlation).toBeCloseTo(expected, 6)
        expect(found.importance).toBeCloseTo(Math.abs(expected), 6)
      }
    }
    const { parameters } = importanceOf(known, { method: 'pearson' })
    const optimizer = parameters.find(({ name }) => name === 'optimizer')!
    expect(optimizer).toMatchObject({ correlation: null })
    expect(optimizer.importance).toBeCloseTo(reference.correlationRatio, 6)
  })

  test('fANOVA finds the shares of the variance that the function has, and the first and the last as Optuna', () => {
    // Of (log10 lr + 2)^2 with lr log-uniform over four decades: 64/45. Of 0.15 n, n from 1 to 8: 0.0225 * 63/12.
    // Of 0, 0.8 and 0.3 with equal chances: 0.1089. Of the noise: 0.01.
    const total = 64 / 45 + 0.118125 + 0.108889 + 0.01
    const shares = sharesOf(known, 'fanova')
    expect(Math.abs(shares['lr']! - 64 / 45 / total)).toBeLessThan(0.06)
    expect(Math.abs(shares['layers']! - 0.118125 / total)).toBeLessThan(0.04)
    expect(Math.abs(shares['optimizer']! - 0.108889 / total)).toBeLessThan(0.04)
    const [names, theirs] = [namesOf(known, 'fanova'), Object.keys(reference.fanova)]
    expect([names[0], names[3]]).toEqual([theirs[0], theirs[3]])
  })

  test('every method finds the learning rate but those that look for a slope, and nothing in what is constant', () => {
    for (const method of IMPORTANCE_METHODS) {
      const { parameters, trials, doubts } = importanceOf(known, { method })
      const isSlope = method === 'pearson' || method === 'spearman'
      expect(parameters[0]!.name === 'lr').toBe(!isSlope)
      expect(parameters.find(({ name }) => name === 'epochs')).toMatchObject({ importance: 0, trials: 0 })
      expect(trials).toBe(300)
      expect(doubts).toEqual([])
      for (const { low, importance, high } of parameters) {
        expect(low).toBeLessThanOrEqual(importance)
        expect(high).toBeGreaterThanOrEqual(importance)
      }
    }
  })
})

test('what only two parameters together do is an interaction and no main effect', () => {
  const points = drawn(['x', 'y', 'z'], 400, createRng(1), ({ x, y }) => (x! - 0.5) * (y! - 0.5))
  const { parameters, interactions } = importanceOf(points, { method: 'fanova' })
  expect(interactions[0]!.names).toEqual(['x', 'y'])
  expect(interactions[0]!.importance).toBeGreaterThan(0.6)
  expect(interactions[1]!.importance).toBeLessThan(0.1)
  for (const { importance } of parameters) expect(importance).toBeLessThan(0.2)
  expect(interactions).toHaveLength(3)
  const sum = [...parameters, ...interactions].reduce((total, { importance }) => total + importance, 0)
  expect(sum).toBeLessThanOrEqual(1 + 1e-9)
})

test('only the goal decides what is good, and only for being among the best it matters', () => {
  const points = drawn(['x'], 200, createRng(2), ({ x }) => x! ** 8)
  const upside: SweepPoints = { ...points, goal: 'maximize' }
  for (const method of IMPORTANCE_METHODS) {
    const [a, b] = [sharesOf(points, method)['x']!, sharesOf(upside, method)['x']!]
    if (method === 'ped-anova') expect(Math.abs(a - b)).toBeGreaterThan(1e-3)
    else expect(b).toBeCloseTo(a, 8)
  }
})

/** A momentum that matters much, where it is active. */
function conditional(shareActive: number, count: number, seed: number): SweepPoints {
  const rng = createRng(seed)
  const rows = Array.from({ length: count }, (): [Config, number] => {
    const lr = rng.float()
    const isActive = rng.float() < shareActive
    const momentum = rng.float()
    const config: Record<string, Json> = isActive ? { lr, opt: 'sgd', momentum } : { lr, opt: 'adam' }
    return [config, lr + (isActive ? 2 * momentum - 1 : 0)]
  })
  const space = spaceOf(unit('lr'), choice('opt', 'adam', 'sgd'), { ...unit('momentum'), when: { opt: ['sgd'] } })
  return { space, trials: completed(rows), goal: 'minimize' }
}

test('a conditional parameter counts by what its trials contribute to the variance', () => {
  // Var = 1/12 of lr everywhere, and 4/12 of momentum in a quarter of the trials.
  const points = conditional(0.25, 800, 3)
  const { parameters } = importanceOf(points, { method: 'fanova' })
  const momentum = parameters.find(({ name }) => name === 'momentum')!
  expect(momentum.trials).toBeLessThan(250)
  expect(momentum.importance).toBeGreaterThan(0.35)
  expect(momentum.importance).toBeLessThan(0.55)
  const interactions = importanceOf(points, { method: 'fanova' }).interactions.map(({ names }) => names.join())
  expect(interactions.sort()).toEqual(['lr,momentum', 'lr,opt'])
})

test('among the best, a conditional choice counts by the variance of being there', () => {
  // 100 trials, of which ten are on top: all with the second value of the choice, in the half where it is active.
  const rows = Array.from({ length: 100 }, (_, index): [Config, number] =>
    index % 2 === 0
      ? [{ opt: 'adam' }, 5 + index]
      : [{ opt: 'sgd', nesterov: index % 4 === 1 }, index % 4 === 1 && index < 40 ? index / 100 : 5 + index],
  )
  const space = spaceOf(choice('opt', 'adam', 'sgd'), {
    ...choice('nesterov', true, false),
    when: { opt: ['sgd'] },
  })
  const shares = sharesOf({ space, trials: completed(rows), goal: 'minimize' }, 'ped-anova')
  // With a trial spread over both values: 10.5 of 11 among the best, 25.5 and 25.5 of 51 among all.
  const pearson = (top: number, all: number) =>
    all * (top / all - 1) ** 2 + (1 - all) * ((1 - top) / (1 - all) - 1) ** 2
  expect(shares['nesterov']).toBeCloseTo(0.5 * 2 ** 2 * pearson(10.5 / 11, 0.5), 10)
  expect(shares['opt']).toBeCloseTo(pearson(0.5 / 11, 50.5 / 101), 10)
})

test('too few trials, a model that explains nothing and a rare parameter are doubted', () => {
  const rng = createRng(4)
  const noise = drawn(['x', 'y'], 100, createRng(5), () => rng.float())
  expect(importanceOf(noise, { method: 'fanova' }).doubts[0]).toMatch(/^The model explains \d+ % of the variance/)
  expect(importanceOf(noise, { method: 'spearman' }).doubts).toEqual([])
  const few = drawn(['x'], 12, createRng(6), ({ x }) => x!)
  expect(importanceOf(few, { method: 'ped-anova' }).doubts).toEqual([
    'Only 12 trials can be compared; 30 are the least to go by.',
  ])
  const rare = importanceOf(conditional(0.1, 200, 7), { method: 'fanova' }).doubts
  expect(rare.some((doubt) => /^momentum was active in only \d+ of the 200 trials\.$/.test(doubt))).toBe(true)
})

test('with next to no trials, or all alike, nothing is important and it is said why', () => {
  for (const method of IMPORTANCE_METHODS) {
    for (const count of [0, 1, 2, 3, 4, 5]) {
      const found = importanceOf(
        drawn(['x', 'y'], count, createRng(8), ({ x }) => x!),
        { method },
      )
      expect(found.doubts[0]).toMatch(count === 0 ? /No trial/ : count === 1 ? /same value/ : /Only/)
      for (const { importance } of found.parameters) expect(Number.isFinite(importance)).toBe(true)
    }
    const flat = importanceOf(
      drawn(['x'], 40, createRng(9), () => 0.1),
      { method },
    )
    expect(flat.parameters).toEqual([
      { name: 'x', importance: 0, low: 0, high: 0, trials: 0, correlation: null, r2: null },
    ])
    expect(flat.doubts).toEqual(['All 40 trials have the same value, so no parameter can be told to matter.'])
  }
  expect(importanceOf({ space: spaceOf(), trials: [], goal: 'minimize' }, { method: 'fanova' }).parameters).toEqual([])
})

test('neither the order of trials that are all different nor that of parameters changes what the data alone decide', () => {
  const { trials, space } = drawn(['a', 'b', 'c'], 60, createRng(10), ({ a, b }) => a! + 0.2 * b!)
  fc.assert(
    fc.property(fc.shuffledSubarray([...trials], { minLength: 60 }), (shuffled) => {
      for (const method of ['pearson', 'spearman'] as const) {
        const mixed = sharesOf({ space, trials: shuffled, goal: 'minimize' }, method)
        for (const [name, share] of Object.entries(sharesOf({ space, trials, goal: 'minimize' }, method)))
          expect(mixed[name]).toBeCloseTo(share, 10)
      }
    }),
    { numRuns: 5 },
  )
  for (const method of IMPORTANCE_METHODS) {
    const points: SweepPoints = { space, trials, goal: 'minimize' }
    expect(importanceOf(points, { method, seed: 3 })).toEqual(importanceOf(points, { method, seed: 3 }))
  }
})

test('of many trials as many as are wanted are looked at, evenly over their order', () => {
  const points = drawn(['x'], 100, createRng(11), ({ x }) => x!)
  const { trials, leftOut } = importanceOf(points, { method: 'pearson', mostTrials: 30 })
  expect([trials, leftOut.surplus]).toEqual([30, 70])
  expect(importanceOf(points, { method: 'pearson', mostTrials: 100 }).leftOut.surplus).toBe(0)
  const kept = tableOf(points, 30).trials.map((trial) => trial.number)
  const gaps = kept.slice(1).map((number, index) => number - kept[index]!)
  expect([Math.min(...gaps), Math.max(...gaps)]).toEqual([3, 4])
})

test.each(IMPORTANCE_METHODS)('%s judges losses as large as numbers go, and as small', (method) => {
  const shares = sharesOf(known, method)
  for (const factor of [2 ** 1000, 2 ** -900]) {
    const trials = known.trials.map((trial) => ({ ...trial, value: (trial.value ?? 0) * factor }))
    for (const [name, share] of Object.entries(sharesOf({ ...known, trials }, method)))
      expect(share).toBeCloseTo(shares[name]!, 9)
  }
  const withHuge = [...known.trials, { ...known.trials[0]!, number: known.trials.length + 1, value: 1e308 }]
  for (const share of Object.values(sharesOf({ ...known, trials: withHuge }, method)))
    expect(Number.isFinite(share)).toBe(true)
})
