import type { Json } from '@sweep/spec/number'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stepWidth } from '../step-width.ts'
import { aggregateCurves } from './aggregate-curves.ts'
import { compareRuns } from './compare-runs.ts'
import { experimentSummary } from './experiment-summary.ts'
import { inferSpace } from './infer-space.ts'
import { judgedValue, type RunData, valueOfField } from './run-data.ts'

let count = 0
function sampleRun(changes: Partial<RunData> = {}): RunData {
  count += 1
  return {
    id: `run${count}`,
    name: null,
    group: null,
    status: 'completed',
    params: {},
    tags: {},
    metrics: {},
    createdAt: count * 1000,
    startedAt: count * 1000,
    endedAt: count * 1000 + 500,
    ...changes,
  }
}

const loss = (last: number, min: number | null = last, max: number | null = last) => ({ loss: { last, min, max } })

describe('comparing runs', () => {
  test('params that differ come first; missing is not null', () => {
    const configs: RunData['params'][] = [
      { lr: 0.1, opt: 'adam', same: 1, a: null },
      { lr: 0.2, opt: 'adam', same: 1 },
    ]
    const runs = configs.map((params) => sampleRun({ params }))
    expect(compareRuns(runs, {}).params).toEqual([
      { name: 'a', differs: true, values: [[null], null] },
      { name: 'lr', differs: true, values: [[0.1], [0.2]] },
      { name: 'opt', differs: false, values: [['adam'], ['adam']] },
      { name: 'same', differs: false, values: [[1], [1]] },
    ])
  })

  test('the best is marked by its best value, or its last, and only where a goal is known', () => {
    const runs = [loss(0.5, 0.1, 0.9), loss(0.3, 0.2, 0.4), loss(Number.NaN, null, null)].map((metrics) =>
      sampleRun({ metrics }),
    )
    expect(compareRuns(runs, {}).metrics).toMatchObject([{ name: 'loss', goal: null, best: [] }])
    expect(compareRuns(runs, { loss: 'minimize' }).metrics[0]?.best).toEqual([0])
    expect(compareRuns(runs, { loss: 'minimize' }, 'last').metrics[0]?.best).toEqual([1])
    expect(compareRuns(runs, { loss: 'maximize' }).metrics[0]?.best).toEqual([0])
    expect(compareRuns([...runs, ...runs], { loss: 'maximize' }, 'last').metrics[0]?.best).toEqual([0, 3])
    expect(compareRuns(runs.slice(0, 1), { loss: 'minimize' }).metrics[0]?.best).toEqual([])
  })

  test('names that every object knows are names like others', () => {
    const run = sampleRun({
      params: { constructor: 1, toString: 'x' },
      metrics: { valueOf: { last: 1, min: 1, max: 1 } },
    })
    const compared = compareRuns([run, sampleRun()], { loss: 'minimize' })
    expect(compared.params.map(({ name, values }) => [name, values])).toEqual([
      ['constructor', [[1], null]],
      ['toString', [['x'], null]],
    ])
    expect(compared.metrics).toMatchObject([{ name: 'valueOf', goal: null, values: [{ last: 1 }, null] }])
    expect(valueOfField(sampleRun(), { kind: 'metric', name: 'toString', summary: 'last' })).toBeUndefined()
  })
})

describe('aggregating curves', () => {
  test('every run counts once, however often it reports', () => {
    const often = { steps: [0, 1, 2, 3], values: [1, 2, 3, 4] }
    const seldom = { steps: [0, 2], values: [10, 20] }
    expect(aggregateCurves([often, seldom], 2)).toEqual({
      bucketSteps: 2,
      buckets: [
        { step: 0, runs: 2, min: 1, max: 10, avg: (1.5 + 10) / 2, last: (2 + 10) / 2 },
        { step: 2, runs: 2, min: 3, max: 20, avg: (3.5 + 20) / 2, last: (4 + 20) / 2 },
      ],
    })
  })

  test('what is not finite is left out, and sums of huge values stay finite', () => {
    const { buckets } = aggregateCurves(
      [
        { steps: [1, 1, 2], values: [1e308, 1.7e308, Number.NaN] },
        { steps: [1], values: [Number.POSITIVE_INFINITY] },
        { steps: [1], values: [1.7e308] },
      ],
      10,
    )
    expect(buckets).toHaveLength(1)
    expect(buckets[0]).toMatchObject({ step: 1, runs: 2, min: 1e308, max: 1.7e308 })
    expect(Number.isFinite(buckets[0]?.avg)).toBe(true)
    expect(aggregateCurves([], 2)).toEqual({ bucketSteps: 1, buckets: [] })
  })

  test('buckets are as many as asked for at most, and hold the same as the points do', () => {
    const curves = fc.array(
      fc.array(fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.double({ min: -1e6, max: 1e6, noNaN: true })), {
        maxLength: 30,
      }),
      { maxLength: 4 },
    )
    fc.assert(
      fc.property(curves, fc.integer({ min: 2, max: 12 }), (lists, most) => {
        const all = lists.map((list) => {
          const sorted = list.toSorted(([a], [b]) => a - b)
          return { steps: sorted.map(([step]) => step), values: sorted.map(([, value]) => value) }
        })
        const { bucketSteps, buckets } = aggregateCurves(all, most)
        expect(buckets.length).toBeLessThanOrEqual(most)
        expect(Number.isInteger(Math.log2(bucketSteps))).toBe(true)
        for (const { step, min, max, avg, last, runs } of buckets) {
          expect(Math.abs(step % bucketSteps)).toBe(0)
          const inside = all.map(({ steps, values }) =>
            values.filter((_, n) => steps[n]! >= step && steps[n]! < step + bucketSteps),
          )
          const flat = inside.flat()
          expect(min).toBe(Math.min(...flat))
          expect(max).toBe(Math.max(...flat))
          const present = inside.filter((values) => values.length > 0)
          expect(runs).toBe(present.length)
          const means = present.map((values) => values.reduce((a, b) => a + b, 0) / values.length)
          expect(avg).toBeCloseTo(means.reduce((a, b) => a + b, 0) / means.length, 4)
          expect(last).toBeCloseTo(present.reduce((sum, values) => sum + values.at(-1)!, 0) / present.length, 4)
        }
      }),
    )
  })

  test('a width is the least power of two that will do', () => {
    expect(stepWidth([0, 1, 2, 3], 4)).toBe(1)
    expect(stepWidth([0, 1, 2, 3, 4], 4)).toBe(2)
    expect(stepWidth([0, 1000], 2)).toBe(1)
    expect(stepWidth([-1, 0, 2 ** 52], 2)).toBe(2 ** 53)
    expect(stepWidth([], 2)).toBe(1)
  })
})

describe('what an experiment has come to', () => {
  const settings = { metric: 'loss', goal: 'minimize' } as const

  test('best, worst, mean, deviation and median are of the finite values', () => {
    const runs = [3, 1, 2, 6].map((value) => sampleRun({ metrics: loss(value) }))
    const broken = sampleRun({ metrics: loss(Number.NaN, null, null) })
    const summary = experimentSummary([...runs, broken, sampleRun()], settings)
    expect(summary).toMatchObject({
      counted: 4,
      withoutValue: 2,
      best: { run: runs[1]?.id, value: 1 },
      worst: { run: runs[3]?.id, value: 6 },
      mean: 3,
      median: 2.5,
      improvement: null,
    })
    // numpy.std([3, 1, 2, 6], ddof=1)
    expect(summary.std).toBeCloseTo(2.160246899469287, 12)
    expect(experimentSummary(runs, { metric: 'loss', goal: 'maximize' }).best?.run).toBe(runs[3]?.id)
    expect(experimentSummary([], settings)).toMatchObject({
      counted: 0,
      best: null,
      mean: null,
      std: null,
      median: null,
    })
  })

  test('of equal runs the older is best', () => {
    const [older, newer] = [sampleRun({ metrics: loss(1) }), sampleRun({ metrics: loss(1) })]
    expect(experimentSummary([newer, older], settings).best?.run).toBe(older.id)
  })

  const replicated = (lr: number, values: readonly number[], seeds = [1, 2, 3, 4, 5, 6, 7, 8]) =>
    values.map((value, n) => sampleRun({ params: { lr, 'train.seed': seeds[n] ?? n }, metrics: loss(value) }))

  test('an improvement over a baseline is tested by the replicates of both, pair by pair of seeds', () => {
    const better = replicated(0.1, [0.5, 0.52, 0.49, 0.51, 0.5, 0.53, 0.5, 0.51])
    const base = replicated(0.2, [0.7, 0.71, 0.69, 0.72, 0.7, 0.68, 0.71, 0.7])
    const { improvement } = experimentSummary([...better, ...base], { ...settings, baseline: base[0]! })
    expect(improvement).toMatchObject({
      baseline: { value: 0.7 },
      comparison: { test: 'paired-bootstrap', counts: [8, 8] },
    })
    expect(improvement?.absolute).toBeCloseTo(0.21, 10)
    expect(improvement?.relative).toBeCloseTo(0.3, 10)
    expect(improvement?.comparison?.difference).toBeLessThan(0)
    expect(improvement?.comparison?.p).toBeLessThan(0.05)
    const other = replicated(0.2, [0.7, 0.71, 0.69], [7, 8, 9])
    const unpaired = experimentSummary([...better, ...other], { ...settings, baseline: other[0]! })
    expect(unpaired.improvement?.comparison).toMatchObject({ test: 'welch-t', counts: [8, 3] })
  })

  test('with a single run of either nothing is said about chance, but why', () => {
    const best = sampleRun({ params: { lr: 1 }, metrics: loss(1) })
    const baseline = sampleRun({ params: { lr: 2 }, metrics: loss(0, -2) })
    const { improvement } = experimentSummary([best], { ...settings, by: 'last', baseline })
    expect(improvement).toMatchObject({ absolute: -1, relative: null, comparison: null })
    expect(improvement?.doubts[0]).toContain('1 and 1 runs')
    const same = experimentSummary([best], { ...settings, baseline: best })
    expect(same.improvement?.doubts).toEqual(['The baseline is the best run.'])
    const twin = sampleRun({ params: { lr: 1, seed: 3 }, metrics: loss(3) })
    expect(experimentSummary([best, twin], { ...settings, baseline: twin }).improvement?.doubts[0]).toContain('chance')
    expect(experimentSummary([best], { ...settings, baseline: sampleRun() }).improvement).toBeNull()
  })
})

test('a run is judged by its best value or its newest, never by one that is not finite', () => {
  const run = sampleRun({ metrics: { ...loss(2, 1, Number.POSITIVE_INFINITY) } })
  expect(judgedValue(run, 'loss', 'minimize', 'best')).toBe(1)
  expect(judgedValue(run, 'loss', 'maximize', 'best')).toBeUndefined()
  expect(judgedValue(run, 'loss', 'maximize', 'last')).toBe(2)
})

test('the space that runs look as if drawn from has their bounds and their values', () => {
  const configs: Record<string, Json>[] = [
    { lr: 1e-4, depth: 2, opt: 'adam', same: 1, mixed: 1 },
    { lr: 0.1, depth: 8, opt: 'sgd', same: 1, mixed: 'auto' },
  ]
  expect(inferSpace(configs).parameters).toEqual([
    { name: 'depth', path: ['depth'], type: 'int', min: 2, max: 8, scale: 'linear' },
    { name: 'lr', path: ['lr'], type: 'float', min: 1e-4, max: 0.1, scale: 'log' },
    { name: 'mixed', path: ['mixed'], type: 'choice', values: [1, 'auto'] },
    { name: 'opt', path: ['opt'], type: 'choice', values: ['adam', 'sgd'] },
    { name: 'same', path: ['same'], type: 'constant', value: 1 },
  ])
  expect(inferSpace(configs, ['nobody', 'opt']).parameters.map(({ name }) => name)).toEqual(['opt'])
})
