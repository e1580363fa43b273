import { Median } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { curves, ended, histories, report, started } from '../testing/histories.ts'
import { foldAll, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { median } from './median-pruner.ts'

const settings = (overrides: object = {}) => Median.parse({ type: 'median', minTrials: 1, ...overrides })

prunerContract(
  median,
  [settings(), settings({ grace: 3 }), settings({ resource: 'reports' })],
  'a trial is judged by those that came before it',
)

test('the best so far is held against the median of the running averages of the others', () => {
  const facts = curves({ 1: [4, 2], 2: [6, 4], 3: [9, 7], 4: [8, 5.5] })
  // At step 2 the averages are 3, 5 and 8; the best of trial 4 so far is 5.5.
  expect(median.decide(foldAll(median, settings({ grace: 2, minTrials: 2 }), facts))).toEqual([
    {
      kind: 'prune',
      trial: 3,
      attempt: 1,
      verdict: {
        reason: 'the best so far, 7, is worse than 4, the median of the running averages of 2 others at step 2',
        resource: 2,
        value: 7,
        threshold: 4,
        rank: 3,
        peers: 2,
      },
    },
    {
      kind: 'prune',
      trial: 4,
      attempt: 1,
      verdict: {
        reason: 'the best so far, 5.5, is worse than 5, the median of the running averages of 3 others at step 2',
        resource: 2,
        value: 5.5,
        threshold: 5,
        rank: 3,
        peers: 3,
      },
    },
  ])
})

test('equal to the median is not worse', () => {
  expect(stopped(median, settings(), curves({ 1: [5], 2: [5], 3: [5] }))).toEqual([])
})

test('before the grace, or with too few others, nothing stops', () => {
  const facts = curves({ 1: [1, 1], 2: [9, 9] })
  expect(stopped(median, settings({ grace: 3 }), facts)).toEqual([])
  expect(stopped(median, settings({ minTrials: 2 }), facts)).toEqual([])
  expect(stopped(median, settings({ grace: 2 }), facts)).toEqual([2])
})

test('only trials that reported at the same step are others; reports can be counted instead', () => {
  const facts = [started(1), report(1, 2, 1), started(2), report(2, 3, 9)]
  expect(stopped(median, settings(), facts)).toEqual([])
  expect(stopped(median, settings({ resource: 'reports' }), facts)).toEqual([2])
})

test('a report that is not finite is worst, unless the median is no better', () => {
  expect(stopped(median, settings(), curves({ 1: [1], 2: [Number.NaN] }))).toEqual([2])
  expect(stopped(median, settings(), curves({ 1: [Number.NaN], 2: [Number.NaN], 3: [Number.NaN] }))).toEqual([])
})

test('an attempt that starts anew takes its old averages away', () => {
  const lost = [...curves({ 1: [1, 1] }), ended(1, 1, 'lost')]
  const anew = [...lost, started(1, 2), report(1, 1, 9, 2)]
  expect(stopped(median, settings(), [...lost, ...curves({ 2: [5] })])).toEqual([2])
  expect(stopped(median, settings(), [...anew, ...curves({ 2: [5] })])).toEqual([])
  expect(stopped(median, settings(), [...anew, started(2), report(2, 2, 5)])).toEqual([])
})

/** The rule over whole histories, recomputed at the last report of each trial that reports last. */
function verdictAtLast(facts: readonly FactBody[], grace: number): boolean {
  const losses = new Map<number, { attempt: number; values: { step: number; loss: number }[] }>()
  let tested = false
  for (const fact of facts) {
    if (fact.kind !== 'report') continue
    const loss = Number.isFinite(fact.value) ? fact.value : Number.POSITIVE_INFINITY
    const own = losses.get(fact.trial) ?? { attempt: fact.attempt, values: [] }
    losses.set(fact.trial, own)
    if (fact.attempt > own.attempt) {
      const cut = own.values.findIndex(({ step }) => step >= fact.step)
      if (cut >= 0) own.values.length = cut
      own.attempt = fact.attempt
    }
    own.values.push({ step: fact.step, loss })
    const averages = [...losses].flatMap(([trial, { values }]) => {
      const at = values.findLastIndex(({ step }) => step === fact.step)
      if (trial === fact.trial || at < 0) return []
      if (!Number.isFinite(values[at]!.loss)) return [Number.POSITIVE_INFINITY]
      const finite = values.slice(0, at + 1).filter((value) => Number.isFinite(value.loss))
      return [finite.reduce((sum, value) => sum + value.loss, 0) / finite.length]
    })
    averages.sort((a, b) => a - b)
    const upper = averages[Math.floor(averages.length / 2)]!
    const middle = averages.length % 2 === 1 ? upper : (averages[averages.length / 2 - 1]! + upper) / 2
    const best = Number.isFinite(loss) ? Math.min(...own.values.map((value) => value.loss)) : loss
    tested = averages.length > 0 && fact.step >= grace && best > middle
  }
  return tested
}

test('it decides as the rule says over whole histories', () => {
  let decisions = 0
  fc.assert(
    fc.property(histories, fc.constantFrom(0, 2), (facts, grace) => {
      const end = facts.findLastIndex(({ kind }) => kind === 'report')
      const last = facts[end]
      fc.pre(last?.kind === 'report')
      const before = stopped(median, settings({ grace }), facts.slice(0, end))
      fc.pre(!before.includes(last.trial))
      const expected = verdictAtLast(facts.slice(0, end + 1), grace)
      decisions += expected ? 1 : 0
      expect(stopped(median, settings({ grace }), facts.slice(0, end + 1)).includes(last.trial)).toBe(expected)
    }),
    { numRuns: 1000 },
  )
  expect(decisions).toBeGreaterThan(30)
})
