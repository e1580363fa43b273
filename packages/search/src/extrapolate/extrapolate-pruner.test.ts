import { Extrapolate, type Metric } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { rankingSize } from '../persistent/ranking.ts'
import { curves, ended, report, started } from '../testing/histories.ts'
import { foldAll, maximize, minimize, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { chanceAt, extrapolate } from './extrapolate-pruner.ts'

const settings = (overrides: object = {}) => Extrapolate.parse({ type: 'extrapolate', alpha: 0.05, ...overrides })

prunerContract(
  extrapolate,
  [
    settings({ minTrials: 1, grace: 0, alpha: 0.3 }),
    settings({ minTrials: 1, maxResource: 30, alpha: 0.2 }),
    settings({ minTrials: 2, best: 2, alpha: 0.3, resource: 'reports' }),
  ],
  'a trial is judged by those that completed before it',
)

const STEPS = 20
/** Falls from 1 to about `floor`. */
const fall = (floor: number, steps = STEPS) =>
  Array.from({ length: steps }, (_, i) => floor + (1 - floor) / (i + 1) ** 2)

/** Five trials that completed at 0.1025, 0.2, 0.3, 0.4 and 0.5, the first at its end. */
const finished: readonly FactBody[] = [
  ...curves({ 1: fall(0.1), 2: fall(0.2), 3: fall(0.3), 4: fall(0.4), 5: fall(0.5) }),
  ...[1, 2, 3, 4, 5].map((trial) => ended(trial)),
]

const then = (values: readonly number[], trial = 9) => [...finished, ...curves({ [trial]: values })]

test('a curve that levels off above the best stops, and the verdict says what was expected', () => {
  const [decision, ...others] = extrapolate.decide(foldAll(extrapolate, settings(), then(fall(0.5, 8))))
  expect(others).toEqual([])
  expect(decision).toMatchObject({ kind: 'prune', trial: 9, attempt: 1 })
  const { reason, value, threshold, rank, peers, resource } = decision!.verdict
  expect(reason).toMatch(
    /^the curve up to step \d leads to 0\.\d+ at step 20: the chance to end no worse than 0\.10225, the best of 5 completed trials, is 0\.0\d+, below 0\.05$/,
  )
  expect(threshold).toBeCloseTo(0.10225, 10)
  expect(value).toBeGreaterThan(0.3)
  expect(value).toBeLessThan(0.6)
  expect({ rank: rank! > 2, peers, late: resource! > 2 && resource! < 9 }).toEqual({ rank: true, peers: 5, late: true })
})

test('a curve that may yet be the best goes on', () => {
  for (const floor of [0.05, 0.1, 0.12]) expect(stopped(extrapolate, settings(), then(fall(floor, 10)))).toEqual([])
})

test('one that has a chance among the best three goes on, where three are kept', () => {
  const curve = fall(0.26, 12)
  expect(stopped(extrapolate, settings(), then(curve))).toEqual([9])
  expect(stopped(extrapolate, settings({ best: 3 }), then(curve))).toEqual([])
  expect(stopped(extrapolate, settings({ best: 3 }), then(fall(0.6, 12)))).toEqual([9])
})

test('the lower alpha, the later a trial stops', () => {
  const stopsAfter = (alpha: number) =>
    Array.from({ length: 15 }, (_, reports) => reports).findIndex(
      (reports) => stopped(extrapolate, settings({ alpha }), then(fall(0.5, reports))).length > 0,
    )
  expect(stopsAfter(0.3)).toBeGreaterThan(0)
  expect(stopsAfter(0.3)).toBeLessThan(stopsAfter(0.01))
})

test('when maximising, a curve that levels off below the best stops', () => {
  const negated = then(fall(0.5, 8)).map((fact) => (fact.kind === 'report' ? { ...fact, value: 1 - fact.value } : fact))
  const decisions = extrapolate.decide(foldAll(extrapolate, settings(), negated, maximize))
  expect(decisions.map(({ trial, verdict }) => [trial, verdict.reason.includes('no worse than 0.89775')])).toEqual([
    [9, true],
  ])
})

test('with too few completed trials, below the grace, or at the end, nothing stops', () => {
  const bad = then(Array(8).fill(3))
  expect(stopped(extrapolate, settings(), bad)).toEqual([9])
  expect(stopped(extrapolate, settings({ minTrials: 6 }), bad)).toEqual([])
  expect(stopped(extrapolate, settings({ best: 6 }), bad)).toEqual([])
  expect(stopped(extrapolate, settings({ grace: 9 }), bad)).toEqual([])
  expect(stopped(extrapolate, settings({ maxResource: 3 }), then(Array(8).fill(3)))).toEqual([])
})

test('without maxResource, the longest completed trial says where a curve ends', () => {
  const reason = (overrides: object) =>
    extrapolate.decide(foldAll(extrapolate, settings(overrides), then(Array(10).fill(3))))[0]?.verdict.reason
  expect(reason({})).toContain('at step 20:')
  expect(reason({ maxResource: 40 })).toContain('at step 40:')
  expect(stopped(extrapolate, settings({ grace: 20 }), then(Array(25).fill(3)))).toEqual([])
  expect(stopped(extrapolate, settings({ grace: 20, maxResource: 40 }), then(Array(25).fill(3)))).toEqual([9])
})

test('a best so far that is among the best keeps a trial, unless its last value stands for it', () => {
  const rises = [0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
  const last: Metric = { ...minimize, summary: 'last' }
  expect(stopped(extrapolate, settings(), then(rises))).toEqual([])
  // As good as the best is among the best.
  const equal = [fall(0.1).at(-1)!, ...rises.slice(1)]
  expect(stopped(extrapolate, settings(), then(equal))).toEqual([])
  expect(stopped(extrapolate, settings(), then([equal[0]! + 0.01, ...rises.slice(1)]))).toEqual([9])
  expect(stopped(extrapolate, settings(), then(rises), last)).toEqual([9])
})

test('a late report of an attempt that was replaced is not heard', () => {
  const bad = [report(9, 1, 3, 2), report(9, 2, 3, 2), report(9, 1, -99, 1)]
  const more = Array.from({ length: 6 }, (_, i) => report(9, i + 3, 3, 2))
  expect(stopped(extrapolate, settings(), [...finished, started(9), started(9, 2), ...bad, ...more])).toEqual([9])
})

test('a curve of more reports than points is followed to its end as well', () => {
  const long = (floor: number, steps: number) =>
    Array.from({ length: steps }, (_, i) => floor + (1 - floor) * Math.exp(-(i + 1) / 40))
  const ends = [1, 2, 3, 4, 5, 6].map((trial) => [trial, long(trial / 10, 200)] as const)
  const facts = [...curves(Object.fromEntries(ends)), ...ends.map(([trial]) => ended(trial))]
  const { memory } = foldAll(extrapolate, settings(), [...facts, ...curves({ 9: long(0.35, 100) })])
  expect(Math.abs(chanceAt(memory, 9)!.expected - long(0.35, 200).at(-1)!)).toBeLessThan(0.02)
})

test('of a trial that ended only its end is kept', () => {
  const over = finished.flatMap((fact): FactBody[] => {
    if (fact.kind !== 'attempt-ended') return [fact]
    return [fact, { kind: 'trial-ended', trial: fact.trial, state: 'completed', value: 0, reason: 'test' }]
  })
  const { memory } = foldAll(extrapolate, settings(), over)
  expect(memory.trials).toBeUndefined()
  expect(rankingSize(memory.completed.ends)).toBe(5)
})

test('a report that is not finite has no chance', () => {
  const decisions = extrapolate.decide(foldAll(extrapolate, settings(), then([1, 0.6, Number.NaN])))
  expect(decisions.map(({ verdict }) => verdict)).toEqual([
    {
      reason:
        'NaN at step 3 leads nowhere: the chance to end no worse than 0.10225, the best of 5 completed trials, is 0, below 0.05',
      resource: 3,
      value: Number.NaN,
      threshold: expect.closeTo(0.10225, 10),
      rank: 6,
      peers: 5,
    },
  ])
})

test('a trial that completed without a finite end is not compared with', () => {
  const broken = [...curves({ 6: [Number.NaN] }), ended(6), ...then(Array(8).fill(3))]
  expect(extrapolate.decide(foldAll(extrapolate, settings(), broken))[0]?.verdict.peers).toBe(5)
})

test('of curves that are all the same nothing can be said', () => {
  const same = curves({ 1: [1, 1, 1, 1], 2: [1, 1, 1, 1], 3: [1, 1, 1, 1] })
  const facts = [...same, ended(1), ended(2), ended(3), ...curves({ 4: [1, 1, 1] })]
  expect(stopped(extrapolate, settings({ minTrials: 3, maxResource: 10 }), facts)).toEqual([])
})

test('reports can be counted instead of steps, across attempts', () => {
  const reports = settings({ resource: 'reports', grace: 5 })
  const before = [...finished, started(9), ...[100, 200, 300].map((step) => report(9, step, 3)), ended(9, 1, 'lost')]
  const after = [started(9, 2), report(9, 400, 3, 2), report(9, 500, 3, 2)]
  expect(stopped(extrapolate, reports, [...before, ...after.slice(0, 2)])).toEqual([])
  expect(stopped(extrapolate, reports, [...before, ...after])).toEqual([9])
  const anew = [started(9, 2), report(9, 100, 3, 2), report(9, 200, 3, 2)]
  expect(stopped(extrapolate, reports, [...before, ...anew])).toEqual([])
})
