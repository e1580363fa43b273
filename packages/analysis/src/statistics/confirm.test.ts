import { expect, test } from 'vitest'
import { createRng } from '../rng.ts'
import { confirm, type RunAgain } from './confirm.ts'
import { meanInterval, nextRunInterval } from './mean-interval.ts'

const OPTIONS = { goal: 'minimize', metric: 'loss' } as const

const again = (trial: number, place: number, recorded: number | null, values: RunAgain['values']): RunAgain => ({
  ...{ trial, place, recorded, values },
})

/** About normal: twelve uniform numbers (variance 1/12 each). */
function normals(seed: number): () => number {
  const rng = createRng(seed)
  return () => Array.from({ length: 12 }, () => rng.float()).reduce((sum, value) => sum + value, -6)
}

test('mean and interval are those of Student, as SciPy gives them', () => {
  // scipy.stats.t.interval(0.95, 4, loc=mean, scale=sem) of these values, SciPy 1.10.1
  const { mean, deviation, low, high, runs } = meanInterval([0.91, 0.93, null, 0.92, 0.95, 0.89, Number.NaN])
  expect([runs, mean, deviation]).toEqual([5, expect.closeTo(0.92, 12), expect.closeTo(0.022360679774997897, 12)])
  expect(low).toBeCloseTo(0.8922355489, 8)
  expect(high).toBeCloseTo(0.9477644511, 8)
  expect(nextRunInterval([0.91, 0.93, 0.92, 0.95, 0.89])?.low).toBeCloseTo(
    0.92 - 2.7764451052 * 0.0223606798 * Math.sqrt(1.2),
    8,
  )
})

test('of one run there is a mean and no interval, of none neither', () => {
  expect(meanInterval([2])).toEqual({ runs: 1, mean: 2, deviation: null, low: null, high: null })
  expect(meanInterval([null, Number.NaN, Number.POSITIVE_INFINITY])).toMatchObject({ runs: 0, mean: null })
  expect(nextRunInterval([1, 1, 1])).toBeNull()
})

test('a winner that is better with every seed is confirmed', () => {
  const found = confirm(
    [
      again(8, 1, 0.1, [0.1, 0.12, 0.11, 0.13, 0.09]),
      again(3, 2, 0.2, [0.2, 0.23, 0.2, 0.24, 0.19]),
      again(5, 3, 0.3, [0.31, 0.32, 0.3, 0.35, 0.3]),
    ],
    OPTIONS,
  )
  expect(found.verdict).toBe('confirmed')
  expect(found.text).toBe(
    'Trial 8 is confirmed: with fresh seeds its mean loss of 0.11 (0.09037 to 0.1296) is better than that of the 2 others.',
  )
  expect(found.configs.map(({ trial, group }) => [trial, group])).toEqual([
    [8, 'a'],
    [3, 'b'],
    [5, 'c'],
  ])
  expect(found.warnings).toEqual([])
})

test('a winner that another one beats was luck, and the text names the better one; also when maximizing', () => {
  const runs = (sign: number) => [
    again(
      8,
      1,
      sign * 0.05,
      [0.3, 0.32, 0.31, 0.33, 0.29].map((value) => sign * value),
    ),
    again(
      3,
      2,
      sign * 0.1,
      [0.1, 0.13, 0.11, 0.14, 0.09].map((value) => sign * value),
    ),
  ]
  for (const [sign, goal] of [
    [1, 'minimize'],
    [-1, 'maximize'],
  ] as const) {
    const found = confirm(runs(sign), { goal, metric: 'x' })
    expect(found.verdict).toBe('luck')
    expect(found.text).toMatch(/^That trial 8 won was luck: with fresh seeds trial 3 is better/)
    expect(found.text).toContain(`Its recorded ${sign * 0.05} was a lucky run`)
    expect(found.configs[0]?.trial).toBe(3)
    const [pair] = found.comparisons
    expect(pair).toMatchObject({ first: 3, second: 8, difference: expect.closeTo(sign * -0.196, 9) })
    expect(pair!.low!).toBeLessThan(pair!.high!)
    expect(Math.sign(pair!.cohensD!)).toBe(-sign)
  }
})

test('of configs that are the same, the first is luck when its record was an outlier, and tied otherwise', () => {
  const VALUES = [
    [9.2, 10.9, 10.1, 9.6, 10.4],
    [10.3, 9.4, 10.6, 9.1, 10.2],
    [10.0, 10.5, 9.3, 10.8, 9.9],
  ]
  const runs = (recorded: number) =>
    [8, 3, 5].map((trial, index) => again(trial, index + 1, recorded + index / 10, VALUES[index]!))
  const lucky = confirm(runs(4), OPTIONS)
  expect(lucky.verdict).toBe('luck')
  expect(lucky.text).toMatch(
    /^That trial 8 won was luck: it can't be told apart from trials 3 and 5\. Its recorded 4 was a lucky run/,
  )
  const tied = confirm(runs(9.5), OPTIONS)
  expect(tied.verdict).toBe('tied')
  expect(tied.text).toContain("can't be told apart from trials 3 and 5: any of them may be the best.")
  expect(tied.configs.every(({ group }) => group === 'a')).toBe(true)
})

test('of 300 times three configs that are all the same, at most one in twenty is told apart', () => {
  const draw = normals(11)
  let found = 0
  for (let time = 0; time < 300; time += 1) {
    const runs = [1, 2, 3].map((trial) =>
      again(
        trial,
        trial,
        null,
        Array.from({ length: 5 }, () => draw()),
      ),
    )
    if (new Set(confirm(runs, OPTIONS).configs.map(({ group }) => group)).size > 1) found += 1
  }
  // Of 5 %, a count of 300 is above 23 in one case of fifty.
  expect(found).toBeLessThanOrEqual(23)
})

test('runs that failed are left out seed by seed, and said', () => {
  const found = confirm(
    [
      again(8, 1, null, [0.1, null, 0.11, 0.13, 0.09, 0.1]),
      again(3, 2, null, [0.3, 0.33, Number.NaN, 0.34, 0.29, 0.31]),
      again(5, 3, null, [null, null, null, null, null, 0.2]),
    ],
    OPTIONS,
  )
  expect(found.warnings).toEqual([
    'Only 1 seeds: with fewer than 5 hardly any difference can be told from chance.',
    'Of trial 8 1 of 6 runs came to no value.',
    'Of trial 5 5 of 6 runs came to no value.',
    'Of trial 3 1 of 6 runs came to no value.',
    'Not compared, for want of two runs with the same seeds: 5.',
  ])
  expect(found.comparisons).toHaveLength(1)
  expect(found.configs.find(({ trial }) => trial === 5)).toMatchObject({ group: '', mean: 0.2, low: null })
})

test('without runs of the winner, or of anything, nothing is clear', () => {
  const lost = confirm([again(8, 1, 0.1, [null, null]), again(3, 2, 0.2, [0.2, 0.3])], OPTIONS)
  expect(lost).toMatchObject({ verdict: 'unclear', comparisons: [] })
  expect(confirm([], OPTIONS).verdict).toBe('unclear')
  expect(confirm([again(8, 1, 0.1, [0.2, 0.3, 0.25])], OPTIONS)).toMatchObject({ verdict: 'unclear' })
})

test('a program that ignores its seed is told apart by looking, with a warning', () => {
  const found = confirm(
    [again(8, 1, 0.1, [0.1, 0.1, 0.1, 0.1, 0.1]), again(3, 2, 0.2, [0.2, 0.2, 0.2, 0.2, 0.2])],
    OPTIONS,
  )
  expect(found.verdict).toBe('confirmed')
  expect(found.warnings).toEqual([
    'All runs of a config gave the same value: the program seems to make no use of SWEEP_SEED.',
  ])
})

test('the order in which configs come does not matter', () => {
  const runs = [
    again(8, 1, 0.1, [0.1, 0.12, 0.11, 0.13, 0.09]),
    again(3, 2, 0.2, [0.2, 0.23, 0.2, 0.24, 0.19]),
    again(5, 3, 0.3, [0.11, 0.13, 0.1, 0.15, 0.1]),
  ]
  expect(confirm(runs.toReversed(), OPTIONS)).toEqual(confirm(runs, OPTIONS))
})
