import { describe, expect, test } from 'vitest'
import { hasSuiteBaselines, readBaselines } from './baselines.ts'
import { duel, meanRanks, meanRatio } from './comparison.ts'
import { type Entrant, regretsAt } from './outcomes.ts'
import { runSampler } from './run-sampler.ts'
import { geometricMean, mannWhitney, median, ranks } from './statistics.ts'
import { sequentialTasks } from './suite.ts'

const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

test('the median of an even count lies half-way', () => {
  expect(median([4, 1, 3])).toBe(3)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

test('the geometric mean of a value and its inverse is 1', () => {
  expect(geometricMean([8, 1 / 8])).toBeCloseTo(1, 12)
})

test('equal values share the mean of their places', () => {
  expect(ranks([5, 1, 5, 2])).toEqual([3.5, 1, 3.5, 2])
})

describe('the U test', () => {
  test('tells samples apart that do not overlap, and says which is lower', () => {
    expect(mannWhitney(range(0, 5), range(5, 5))).toBe('lower')
    expect(mannWhitney(range(5, 5), range(0, 5))).toBe('higher')
  })

  test('decides at the U of the tables: 23 for two samples of 10', () => {
    // `first` leaves U pairs in which it is the higher one; the critical value at p = 0.05 two-sided is U <= 23.
    const withU = (u: number) => {
      const whole = Math.floor(u / 10)
      const second = range(0, 10).map((value) => value * 10 + 5)
      const high = range(1000, whole)
      return [[...high, (u % 10) * 10, ...range(-100, 9 - whole)], second] as const
    }
    expect(mannWhitney(...withU(23))).toBe('lower')
    expect(mannWhitney(...withU(24))).toBe('undecided')
  })

  test('is undecided where all values are equal', () => {
    expect(mannWhitney([1, 1, 1], [1, 1, 1, 1])).toBe('undecided')
  })
})

const entrant = (label: string, regrets: readonly number[]): Entrant => ({
  label,
  byTask: new Map([['task', { budgets: [10], regrets: regrets.map((regret) => [regret]) }]]),
})

test('a sampler that was not run on a task, or not so long, is left out instead of counted', () => {
  const random = entrant('random', [2, 2])
  const good = entrant('good', [1, 1])
  expect(meanRatio({ tasks: ['task'], random }, good, 10)).toBe(0.5)
  expect(meanRatio({ tasks: ['task', 'other'], random }, good, 10)).toBeUndefined()
  expect(meanRatio({ tasks: ['task'], random }, good, 25)).toBeUndefined()
  expect(meanRanks(['task'], [random, good], 10).get(good)).toBe(1)
  expect(meanRanks(['task'], [random, good], 25).size).toBe(0)
  expect(duel(['task'], 10, good, random)).toEqual({ wins: 0, ties: 1, losses: 0 })
  expect(duel(['task'], 25, good, random)).toBeUndefined()
})

test.skipIf(!hasSuiteBaselines())(
  'the published figures come out (needs ../shared/bench/baselines/sequential.json)',
  () => {
    const tasks = sequentialTasks().map(({ name }) => name)
    const baselines = readBaselines(1)
    const named = (label: string) => baselines.find((baseline) => baseline.label === label)!
    const ratios = (label: string) =>
      [25, 50, 100, 200].map((budget) =>
        meanRatio({ tasks, random: named('random') }, named(label), budget)?.toFixed(3),
      )
    expect(ratios('optuna-gp')).toEqual(['0.415', '0.175', '0.072', undefined])
    expect(ratios('optuna-tpe')).toEqual(['0.611', '0.426', '0.275', '0.218'])
    expect(ratios('optuna-cma')).toEqual(['0.721', '0.526', '0.305', '0.130'])
  },
)

test.each([8, 32])("with %i trials at once Optuna's TPE was run on every task of the suite", (workers) => {
  const tpe = readBaselines(workers).find(({ label }) => label === 'optuna-tpe')!
  for (const { name } of sequentialTasks())
    for (const budget of [25, 50, 100, 200])
      expect(regretsAt(tpe, name, budget)?.length, name).toBeGreaterThanOrEqual(10)
})

describe('a run', () => {
  const task = sequentialTasks().find(({ name }) => name === 'hpo_cond')!
  const run = (seed: number, workers: number) => runSampler(task, { method: 'random', seed, trials: 50, workers })

  test('has a regret for each budget, and they never rise where there is no noise', () => {
    const regrets = run(1, 1)
    expect(regrets).toHaveLength(3)
    expect(regrets).toEqual([...regrets].sort((a, b) => b - a))
    expect(regrets[2]).toBeGreaterThan(0)
  })

  test('is the same again with the same seed, and another with another', () => {
    expect(run(1, 8)).toEqual(run(1, 8))
    expect(run(2, 8)).not.toEqual(run(1, 8))
  })

  test('goes through all trials however many run at once', () => {
    // Random search proposes the same configs whatever came back, so only their order differs.
    expect(run(1, 8)[2]).toBe(run(1, 1)[2])
    expect(run(1, 100)[2]).toBe(run(1, 1)[2])
  })
})
