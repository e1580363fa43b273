import { Asha } from '@sweep/spec/document/sweep-document'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rngFor } from '../rng.ts'
import { curves, ended, report, sideReport, started } from '../testing/histories.ts'
import { foldAll, maximize, minimize, prunerContract, size, stopped } from '../testing/pruner-contract.ts'
import { asha } from './asha-pruner.ts'
import { bracketOf, rungAt } from './brackets.ts'

const settings = (overrides: object = {}) => Asha.parse({ type: 'asha', ...overrides })

/** With a second objective. */
const several = (overrides: object = {}) => ({ ...settings(overrides), objectives: [minimize, size] })

prunerContract(
  asha,
  [
    settings(),
    settings({ reductionFactor: 2, brackets: 2 }),
    settings({ reductionFactor: 2, maxResource: 10, resource: 'reports' }),
    settings({ grace: 4, minResource: 2 }),
    several({ reductionFactor: 2 }),
  ],
  'a trial is judged by those that came before it',
)

test('the first trial at a rung goes on, the second only if it is better', () => {
  expect(stopped(asha, settings(), curves({ 1: [5] }))).toEqual([])
  expect(stopped(asha, settings(), curves({ 1: [5], 2: [6] }))).toEqual([2])
  expect(stopped(asha, settings(), curves({ 1: [5], 2: [4] }))).toEqual([])
})

test('the best floor(n / eta) go on, and the verdict says so', () => {
  const values = Object.fromEntries([9, 8, 7, 6, 5, 4, 4.5].map((value, index) => [index + 1, [value]]))
  expect(stopped(asha, settings(), curves(values))).toEqual([])
  const worse = curves({ ...values, 8: [6.5] })
  expect(asha.decide(foldAll(asha, settings(), worse))).toEqual([
    {
      kind: 'prune',
      trial: 8,
      attempt: 1,
      verdict: {
        reason: '6.5 is outside the best 2 of 8 at step 1',
        rung: 0,
        bracket: 0,
        resource: 1,
        value: 6.5,
        threshold: 4.5,
        rank: 5,
        peers: 8,
      },
    },
  ])
})

test('ties go to the lower trial number, whichever came first', () => {
  expect(stopped(asha, settings(), curves({ 1: [5], 2: [5] }))).toEqual([2])
  expect(stopped(asha, settings(), [started(1), started(2), report(2, 1, 5), report(1, 1, 5)])).toEqual([])
})

test('a trial is compared once a rung: later arrivals do not stop it', () => {
  const facts = [...curves({ 1: [5] }), ...curves({ 2: [4], 3: [3] }), report(1, 2, 5)]
  expect(stopped(asha, settings(), facts)).toEqual([])
})

test('the best so far is compared, or the last value when that is what stands for the trial', () => {
  const facts = curves({ 1: [1, 1, 3], 2: [0, 0, 5] })
  expect(stopped(asha, settings(), facts)).toEqual([])
  const last = asha.decide(foldAll(asha, settings(), facts, { ...minimize, summary: 'last' }))
  expect(last.map(({ trial, verdict }) => [trial, verdict.value])).toEqual([[2, 5]])
})

test('rungs that a report jumps over record nothing', () => {
  const facts = [started(1), report(1, 10, 5), ...curves({ 2: [9] })]
  expect(stopped(asha, settings(), facts)).toEqual([])
})

test('below grace and at the highest resource nothing is compared', () => {
  const facts = curves({ 1: [1, 1, 1], 2: [9, 9, 9] })
  expect(stopped(asha, settings({ grace: 4 }), facts)).toEqual([])
  expect(stopped(asha, settings({ minResource: 3, maxResource: 3 }), facts)).toEqual([])
  expect(stopped(asha, settings({ grace: 3 }), facts)).toEqual([2])
})

test('reports may count instead of steps', () => {
  const facts = [started(1), report(1, 500, 1), started(2), report(2, 700, 2)]
  expect(stopped(asha, settings({ resource: 'reports' }), facts)).toEqual([2])
})

test('a value that is not finite is never among the best, not even alone', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(stopped(asha, settings(), curves({ 1: [value] }))).toEqual([1])
    expect(stopped(asha, settings(), curves({ 1: [value] }), maximize)).toEqual([1])
  }
})

test('an attempt that goes on from a checkpoint keeps its rungs, one that starts anew replaces them', () => {
  const first = [...curves({ 1: [1, 1, 1] }), ended(1, 1, 'lost')]
  const resumed = [...first, started(1, 2), report(1, 4, 9, 2)]
  const anew = [...first, started(1, 2), report(1, 1, 9, 2)]
  // Resumed, trial 1 still holds the lowest rung with 1; started anew it holds it with 9.
  expect(stopped(asha, settings(), [...resumed, ...curves({ 2: [5] })])).toEqual([2])
  expect(stopped(asha, settings(), [...anew, ...curves({ 2: [5] })])).toEqual([])
})

describe('brackets', () => {
  const ladder = { minResource: 1, maxResource: 81, reductionFactor: 3, brackets: 5 }

  test('get the shares of Hyperband, in any run of trials', () => {
    for (const from of [1, 1000]) {
      const counts = [0, 0, 0, 0, 0]
      for (let trial = from; trial < from + 143; trial += 1) counts[bracketOf(trial, ladder)]! += 1
      for (const [bracket, share] of [81, 34, 15, 8, 5].entries()) {
        expect(Math.abs(counts[bracket]! - share)).toBeLessThanOrEqual(2)
      }
    }
  })

  test('start one rung higher each, and never outnumber the rungs', () => {
    expect(rungAt(100, 0, { ...ladder, maxResource: undefined })).toEqual({ index: 4, resource: 81 })
    expect(rungAt(100, 2, ladder)).toEqual({ index: 1, resource: 27 })
    expect(rungAt(2, 1, ladder)).toBeUndefined()
    const few = { ...ladder, maxResource: 3, brackets: 9 }
    expect(Math.max(...Array.from({ length: 99 }, (_, trial) => bracketOf(trial + 1, few)))).toBe(1)
  })

  test('compare only among themselves', () => {
    const two = settings({ brackets: 2, maxResource: 9 })
    const own = (bracket: number) => [1, 2, 3, 4, 5, 6, 7, 8].filter((trial) => bracketOf(trial, two) === bracket)
    const [low] = own(0)
    const [high] = own(1)
    expect(stopped(asha, two, curves({ [low!]: [1, 1, 1], [high!]: [9, 9, 9] }))).toEqual([])
  })
})

/**
 * Trials that go on though they are not among the final n / eta. In the stopping form arrival i goes on when it is above
 * the quantile of the i so far, whose error has variance p(1-p) (1/i - 1/n), p = 1/eta. So of n about
 * sqrt(p(1-p)) / sqrt(2 pi) * sum sqrt(1/i - 1/n) are wrong, which is sqrt(p(1-p) pi / 8) sqrt(n) = 0.271 sqrt(n) at
 * eta 4. (The promotion form looks again at all later times and is measured at 0.35 to 0.52 sqrt(n).)
 */
test('of n trials about 0.27 sqrt(n) go on wrongly', () => {
  const quarter = settings({ reductionFactor: 4, maxResource: 4 })
  for (const [n, runs] of [
    [256, 120],
    [1024, 30],
  ] as const) {
    let wrong = 0
    for (let run = 0; run < runs; run += 1) {
      const rng = rngFor(run, n, 'mispromotion')
      const losses = Array.from({ length: n }, () => rng.float())
      const gone = new Set(
        stopped(asha, quarter, curves(Object.fromEntries(losses.map((loss, index) => [index + 1, [loss]])))),
      )
      const worstGood = [...losses].sort((a, b) => a - b)[n / 4 - 1]!
      wrong += losses.filter((loss, index) => !gone.has(index + 1) && loss > worstGood).length
    }
    const factor = wrong / runs / Math.sqrt(n)
    expect(factor).toBeGreaterThan(0.2)
    expect(factor).toBeLessThan(0.32)
  }
})

test('whatever the values, about one in eta goes on when trials come in random order', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(2, 3, 4), (seed, reductionFactor) => {
      const rng = rngFor(seed, 0)
      const values = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [index + 1, [rng.normal()]]))
      const left = 300 - stopped(asha, settings({ reductionFactor }), curves(values)).length
      expect(Math.abs(left - 300 / reductionFactor)).toBeLessThan(45)
    }),
    { numRuns: 30 },
  )
})

test('more brackets than doubles can count still leave nearly all trials in the lowest', () => {
  const many = settings({ brackets: 100_000 })
  expect(
    Array.from({ length: 50 }, (_, trial) => bracketOf(trial + 1, many)).filter((b) => b === 0).length,
  ).toBeGreaterThan(30)
})

test('a value that is not finite is outside, also as the only one there', () => {
  const state = foldAll(asha, Asha.parse({ type: 'asha' }), [started(1), report(1, 1, Number.NaN)])
  expect(asha.decide(state)[0]?.verdict.reason).toBe('NaN is outside the best of 1 at step 1')
})

/** Trials that come to step 1 one after the other with these losses of two objectives. */
function arriving(losses: readonly (readonly [number, number])[]) {
  return losses.flatMap(([loss, side], index) => [
    started(index + 1),
    sideReport(index + 1, 1, side),
    report(index + 1, 1, loss),
  ])
}

describe('with several objectives', () => {
  const two = several({ reductionFactor: 2 })
  const three = arriving([
    [1, 6],
    [6, 1],
    [5, 5],
  ])

  test('who is dominated is stopped, though the first objective is good, and the verdict says by how many', () => {
    const losses = [
      [1, 6],
      [6, 1],
      [5, 5],
      [2, 8],
      [3, 9],
    ] as const
    const decisions = asha.decide(foldAll(asha, two, arriving(losses)))
    expect(decisions.filter(({ trial }) => trial > 3)).toEqual(
      [4, 5].map((trial) => ({
        kind: 'prune',
        trial,
        attempt: 1,
        verdict: {
          reason: `front ${trial - 2}, dominated by ${trial - 3}, is outside the best 2 of ${trial} at step 1`,
          rung: 0,
          bracket: 0,
          resource: 1,
          value: trial - 2,
          rank: trial,
          peers: trial,
        },
      })),
    )
  })

  test('within a front those with most room around them go on', () => {
    const crowded = [...three, started(4), sideReport(4, 1, 5.1), report(4, 1, 4.9)]
    expect(stopped(asha, two, crowded)).toContain(4)
    const extreme = [...three, started(4), sideReport(4, 1, 9), report(4, 1, 0)]
    expect(stopped(asha, two, extreme)).not.toContain(4)
  })

  test('an objective that is no number, or was not reported, is never among the best', () => {
    const facts = [...arriving([[1, Number.NaN]]), started(2), report(2, 1, 0)]
    expect(stopped(asha, several(), facts)).toEqual([1, 2])
  })

  test('an objective counts as it was last reported, by the newest attempt', () => {
    const early = [...three, started(4), sideReport(4, 0, 9), sideReport(4, 0, 0)]
    expect(stopped(asha, two, [...early, report(4, 1, 0)])).not.toContain(4)
    const late = [ended(4, 1, 'lost'), started(4, 2), sideReport(4, 0, 9, 2), sideReport(4, 0, 0, 1)]
    expect(stopped(asha, two, [...early, ...late, report(4, 1, 7, 2)])).toContain(4)
    const resumedWithoutSide = [ended(4, 1, 'lost'), started(4, 2), report(4, 1, 0, 2)]
    expect(stopped(asha, two, [...early, ...resumedWithoutSide])).not.toContain(4)
  })

  test('where the best of an objective stands for it, the best so far counts', () => {
    const best = { ...two, objectives: [minimize, { ...size, summary: 'best' as const }] }
    const facts = [...three, started(4), sideReport(4, 0, 0), sideReport(4, 1, 9), report(4, 1, 4)]
    expect(stopped(asha, best, facts)).not.toContain(4)
    expect(stopped(asha, two, facts)).toContain(4)
  })

  test('an objective that is the same for all changes nothing of the order', () => {
    const facts = arriving([5, 4, 6, 3, 4.5].map((loss) => [loss, 1]))
    const one = facts.filter(({ kind }) => kind !== 'side-report')
    expect(stopped(asha, two, facts)).toEqual(stopped(asha, settings({ reductionFactor: 2 }), one))
  })
})
