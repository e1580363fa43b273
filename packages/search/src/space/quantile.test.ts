import type { Parameter } from '@sweep/spec/search-space'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { sampleParameter } from '../sample.ts'
import { allSpaces, type ParameterSketch, spaceOf } from '../testing/spaces.ts'
import { parentsFirst } from './conditions.ts'
import { contains } from './contains.ts'
import { betaProbability, betaQuantile, byName, configAt, normalQuantile, valueAt } from './quantile.ts'

type Sketch = { type: ParameterSketch['type'] } & Record<string, unknown>

const parameterOf = (sketch: Sketch): Parameter => spaceOf({ ...sketch, name: 'p', type: sketch.type }).parameters[0]!
const at = (sketch: Sketch, ...us: number[]) => us.map((u) => valueAt(parameterOf(sketch), u))
const LAST = 1 - 2 ** -53
const unit = fc.oneof(fc.constantFrom(0, 0.5, LAST), fc.double({ min: 0, max: LAST, noNaN: true }))

test('every config lies in its space, whatever the quantiles, and inactive parameters are left out', () => {
  fc.assert(
    fc.property(allSpaces, fc.array(unit, { minLength: 6, maxLength: 6 }), (space, us) => {
      expect(contains(space, configAt(parentsFirst(space), us))).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('coordinates go by the names of the parameters', () => {
  const [b, a] = ['b', 'a'].map((name) => ({ name, type: 'float' as const, min: 0, max: 1 }))
  for (const space of [spaceOf(b!, a!), spaceOf(a!, b!)]) {
    expect(byName(space.parameters).map(({ name }) => name)).toEqual(['a', 'b'])
    expect(configAt(parentsFirst(space), [0.25, 0.75])).toEqual({ a: 0.25, b: 0.75 })
  }
})

const KINDS: Sketch[] = [
  { type: 'float', min: 2, max: 4 },
  { type: 'float', min: 1e-5, max: 1e-1, scale: 'log' },
  { type: 'float', min: 1e-5, max: 1e-1, scale: 'inverse-log' },
  { type: 'float', min: 0, max: 10, quantum: { q: 4, integer: true } },
  { type: 'float', min: 0.1, max: 10, scale: 'log', quantum: { q: 0.5, integer: false } },
  { type: 'int', min: -3, max: 3 },
  { type: 'int', min: 1, max: 64, scale: 'log' },
  { type: 'normal', mu: 1, sigma: 2 },
  { type: 'normal', mu: 1, sigma: 2, scale: 'log' },
  { type: 'normal', mu: 1, sigma: 2, quantum: { q: 1, integer: true } },
  { type: 'beta', a: 0.5, b: 3 },
  { type: 'beta', a: 20, b: 3, quantum: { q: 0.05, integer: false } },
]

describe.each(KINDS)('$type $scale $quantum', (kind) => {
  const parameter = parameterOf(kind)

  test('the value never falls as the quantile grows', () => {
    fc.assert(
      fc.property(unit, unit, (u, v) => {
        const [low, high] = [Math.min(u, v), Math.max(u, v)].map((x) => valueAt(parameter, x) as number)
        // Exponentials of neighbouring numbers may round the other way.
        expect(low! <= high! + Math.abs(high!) * 1e-12).toBe(true)
      }),
    )
  })

  test('quantiles of all sizes alike give the distribution that drawing gives', () => {
    const count = 5000
    const rng = rngFor(3, 0)
    const drawn = Array.from({ length: count }, () => sampleParameter(parameter, rng) as number).sort((a, b) => a - b)
    const placed = drawn.map((_, index) => valueAt(parameter, (index + 0.5) / count) as number).sort((a, b) => a - b)
    const share = (values: number[], x: number) => values.filter((value) => value <= x).length / count
    const furthest = Math.max(
      ...placed.filter((_, index) => index % 50 === 0).map((x) => Math.abs(share(drawn, x) - share(placed, x))),
    )
    // Kolmogorov's statistic is above 1.95 / sqrt(n) once in a thousand samples.
    expect(furthest).toBeLessThan(1.95 / Math.sqrt(count))
  })
})

test('choices share the unit interval by their probabilities, and one of probability 0 never comes', () => {
  expect(at({ type: 'choice', values: ['a', 'b'] }, 0, 0.49, 0.5, LAST)).toEqual(['a', 'a', 'b', 'b'])
  const weighted: Sketch = { type: 'choice', values: ['a', 'b', 'c', 'd'], probabilities: [0, 0.25, 0, 0.75] }
  expect(at(weighted, 0, 0.24, 0.26, LAST)).toEqual(['b', 'b', 'd', 'd'])
  expect(at({ type: 'choice', values: ['only'] }, 0, LAST)).toEqual(['only', 'only'])
  const many: Sketch = { type: 'choice', values: Array.from({ length: 10_000 }, (_, index) => index) }
  expect(at(many, 0, 0.12345, LAST)).toEqual([0, 1234, 9999])
  expect(at({ type: 'constant', value: [1] }, 0.3)).toEqual([[1]])
})

test('the ends of a range are reached and not passed', () => {
  expect(at({ type: 'int', min: 1, max: 10 }, 0, 0.0999, 0.1001, LAST)).toEqual([1, 1, 2, 10])
  expect(at({ type: 'int', min: 0, max: 999_999 }, 0, 0.5, LAST)).toEqual([0, 500_000, 999_999])
  const [least, most] = [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  expect(at({ type: 'int', min: least, max: most }, 0, LAST)[0]).toBe(least)
  expect(at({ type: 'int', min: least, max: most }, LAST)[0]).toBeLessThanOrEqual(most)
  expect(at({ type: 'int', min: 1, max: 4096, scale: 'log' }, 0, LAST)).toEqual([1, 4096])
  expect(at({ type: 'float', min: 2, max: 2 }, 0, 0.5, LAST)).toEqual([2, 2, 2])
  const wide: Sketch = { type: 'float', min: -Number.MAX_VALUE, max: Number.MAX_VALUE }
  expect(at(wide, 0, 0.5, LAST).every((x) => Number.isFinite(x))).toBe(true)
  expect(at({ type: 'normal', mu: 0, sigma: 1e9, scale: 'log' }, 0, LAST)).toEqual([0, Number.MAX_VALUE])
})

test('a log scale from 0 says what to do', () => {
  expect(() => at({ type: 'float', min: 0, max: 1, scale: 'log' }, 0.5)).toThrow(/p.min is 0, .* above 0/)
})

test('the normal quantile is as printed in AS 241, and symmetric', () => {
  expect(normalQuantile(0.25)).toBeCloseTo(-0.6744897501960817, 15)
  expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306167814, 14)
  expect(normalQuantile(2 ** -40)).toBeCloseTo(-normalQuantile(1 - 2 ** -40), 12)
  expect(normalQuantile(0.5)).toBe(0)
  expect(normalQuantile(0)).toBeCloseTo(-8.29, 1)
})

test('beta quantiles are those of SciPy', () => {
  // scipy.stats.beta.ppf(u, a, b)
  for (const [u, a, b, expected] of [
    [0.1, 0.5, 0.5, 0.024471741852423214],
    [0.9, 0.5, 0.5, 0.9755282581475768],
    [0.01, 2, 5, 0.026763191142755053],
    [0.5, 2, 5, 0.26444998329566005],
    [0.7, 5, 1, 0.9311499150948377],
    [0.3, 0.01, 0.02, 2.0289416312649547e-35],
    [0.2, 30, 0.05, 0.9997703338386235],
    [0.5, 1000, 900, 0.5263250250244453],
    [0.99, 20000, 30000, 0.4051025421150199],
  ]) {
    expect(betaQuantile(u!, a!, b!) / expected!).toBeCloseTo(1, 8)
  }
  expect(betaQuantile(0.3, 1, 1)).toBeCloseTo(0.3, 14)
  expect(betaQuantile(0, 2, 5)).toBeLessThan(1e-100)
  expect(betaQuantile(0.25, 0.001, 3)).toBeGreaterThanOrEqual(0)
})

test('beta probabilities undo the quantiles, and those of large shapes meet those of small ones', () => {
  for (const [a, b] of [
    [0.5, 0.5],
    [2, 5],
    [300, 0.5],
    [5000, 8000],
    [20_000, 30_000],
    [20_000, 1e9],
  ] as const) {
    for (const u of [0.001, 0.1, 0.5, 0.9]) expect(betaProbability(betaQuantile(u, a, b), a, b)).toBeCloseTo(u, 9)
  }
  for (const u of [0.01, 0.3, 0.99]) {
    expect(betaQuantile(u, 10_000, 15_000) / betaQuantile(u, 10_000.001, 15_000)).toBeCloseTo(1, 6)
  }
  expect([-1, 0, 1, 2].map((x) => betaProbability(x, 2, 3))).toEqual([0, 0, 1, 1])
})

test('quantiles come out the same on every machine', () => {
  expect(KINDS.map((kind) => at(kind, 0.1234, 0.9876))).toEqual([
    [2.2468, 3.9752],
    [0.00003116018303105461, 0.08920721887252704],
    [0.00003116018303105461, 0.08920721887252696],
    [0, 8],
    [0, 9.5],
    [-3, 3],
    [1, 61],
    [-1.316313865105418, 5.489007746330788],
    [0.268121815818541, 242.0169454753883],
    [-1, 5],
    [0.004356632104448126, 0.6747212286461375],
    [0.8, 1],
  ])
})
