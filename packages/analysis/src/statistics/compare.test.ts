import { SweepError } from '@sweep/spec/errors'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import reference from '../testing/fixtures/statistics.json' with { type: 'json' }
import { type ComparisonTest, compare, PAIRED_TESTS, UNPAIRED_TESTS } from './compare.ts'

const TESTS: readonly ComparisonTest[] = [...PAIRED_TESTS, ...UNPAIRED_TESTS]
const OF_NUMBERS = TESTS.filter((name) => name !== 'mcnemar')

describe.each(reference.comparisons)('$name', (expected) => {
  const { first, second } = expected
  const run = (name: ComparisonTest) => compare(first, second, { test: name })

  test('Student and Welch are those of SciPy', () => {
    for (const [name, [statistic, p]] of [
      ['paired-t', expected.pairedT],
      ['welch-t', expected.welchT],
    ] as const) {
      expect(run(name).statistic).toBeCloseTo(statistic!, 10)
      expect(run(name).p).toBeCloseTo(p!, 8)
    }
  })

  test('Wilcoxon and Mann-Whitney are those of SciPy, or of all permutations', () => {
    expect(run('wilcoxon').p).toBeCloseTo(expected.wilcoxon, 10)
    expect(run('mann-whitney').statistic).toBe(expected.mannWhitney[0])
    expect(run('mann-whitney').p).toBeCloseTo(expected.mannWhitney[1]!, 10)
  })

  test('the bootstrap is that of NumPy up to the draws, and its interval agrees with its p-value', () => {
    const { p, interval, difference } = run('paired-bootstrap')
    expect(p).toBeCloseTo(expected.bootstrapP, 1.6)
    expect(interval === null).toBe(expected.bootstrapInterval === null)
    if (interval === null) return
    const [low, high] = expected.bootstrapInterval!
    const width = high! - low!
    expect(Math.abs(interval.low - low!) / width).toBeLessThan(0.03)
    expect(Math.abs(interval.high - high!) / width).toBeLessThan(0.03)
    expect(interval.low > 0 || interval.high < 0).toBe(p! < 0.05)
    expect((interval.low + interval.high) / 2).toBeCloseTo(difference, 10)
  })

  test('the sizes of the effect are those of their definitions', () => {
    expect(run('paired-t').effect.cohensD).toBeCloseTo(expected.cohensDz, 10)
    expect(run('welch-t').effect.cohensD).toBeCloseTo(expected.cohensD, 10)
    expect(run('mann-whitney').effect.cliffsDelta).toBeCloseTo(expected.cliffsDelta, 10)
  })
})

test.each(reference.mcnemar)('McNemar of $onlyFirst against $onlySecond is that of statsmodels', (expected) => {
  const { onlyFirst, onlySecond } = expected
  const first = [...Array(onlyFirst).fill(1), ...Array(onlySecond).fill(0), 1, 0]
  const second = [...Array(onlyFirst).fill(0), ...Array(onlySecond).fill(1), 1, 0]
  const { p, statistic, effect } = compare(first, second, { test: 'mcnemar' })
  expect(p).toBeCloseTo(expected.p, 8)
  expect(statistic).toBe(Math.min(onlyFirst, onlySecond))
  expect(effect.cliffsDelta).toBeCloseTo((onlyFirst - onlySecond) / first.length, 10)
})

test('an interval of Student is where SciPy has it', () => {
  // scipy.stats.t.interval(0.95, …) of the mean difference with its standard error, and with Welch's degrees of freedom.
  const [a, b] = [
    [1, 2, 4, 4],
    [0, 2, 2, 1],
  ]
  const paired = compare(a!, b!, { test: 'wilcoxon' })
  expect(paired.interval!.low).toBeCloseTo(-0.55426, 5)
  const welch = compare(a!, b!, { test: 'welch-t' })
  expect(welch.interval!.high).toBeCloseTo(3.774231, 5)
})

test('fewer than five seeds and values that are not finite are warned of', () => {
  const { warnings, leftOut, counts } = compare([1, 2, Number.NaN, 4, 8], [2, 3, 4, Number.POSITIVE_INFINITY, 5])
  expect(counts).toEqual([3, 3])
  expect(leftOut).toBe(2)
  expect(warnings).toEqual([
    'Only 3 seeds: with fewer than 5 hardly any difference can be told from chance.',
    '2 pairs are not finite and were left out.',
  ])
  const unpaired = compare([1, 2, Number.NaN, 4, 8, 9], [2, 3, 4, 5, 7], { test: 'welch-t' })
  expect(unpaired.counts).toEqual([5, 5])
  expect(unpaired.warnings).toEqual(['1 values are not finite and were left out.'])
})

test('samples that do not vary have no p-value, whatever the test', () => {
  for (const name of OF_NUMBERS) {
    const same = compare([1, 1, 1, 1, 1], [1, 1, 1, 1, 1], { test: name })
    expect(same).toMatchObject({ p: null, interval: null, difference: 0, effect: { cohensD: null, cliffsDelta: 0 } })
    expect(same.warnings).toEqual(['The values do not vary, so there is no p-value.'])
  }
  expect(compare([3, 3, 3], [1, 1, 1], { test: 'paired-t' })).toMatchObject({ p: null, difference: 2 })
  expect(compare([1, 1], [1, 1], { test: 'mcnemar' }).p).toBeNull()
})

test('two seeds prove nothing, and one can not be compared', () => {
  for (const name of OF_NUMBERS) expect(compare([1, 2], [3, 5], { test: name }).p).toBeGreaterThan(0.05)
  for (const name of TESTS) {
    expect(() => compare([1], [0], { test: name })).toThrow(SweepError)
    expect(() => compare([], [], { test: name })).toThrow(SweepError)
  }
  expect(() => compare([1, 2], [1, 2, 3])).toThrow("2 values can't be paired with 3")
  expect(() => compare([1, 2], [0, 1], { test: 'mcnemar' })).toThrow('0s and 1s')
})

const sample = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 3, maxLength: 9 })

test('the other way round only the sign changes', () => {
  fc.assert(
    fc.property(sample, sample, fc.constantFrom(...OF_NUMBERS), (a, b, name) => {
      const size = Math.min(a.length, b.length)
      const [x, y] = [a.slice(0, size), b.slice(0, size)]
      const there = compare(x, y, { test: name })
      const back = compare(y, x, { test: name })
      if (there.p === null) expect(back.p).toBeNull()
      else expect(back.p).toBeCloseTo(there.p, 10)
      expect(back.difference).toBeCloseTo(-there.difference, 10)
      expect(back.effect.cliffsDelta).toBeCloseTo(-there.effect.cliffsDelta, 10)
      expect(there.p === null || (there.p > 0 && there.p <= 1)).toBe(true)
    }),
    { numRuns: 60 },
  )
})
