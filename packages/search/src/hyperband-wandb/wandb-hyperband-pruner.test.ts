import { WandbHyperband } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { curves, ended, histories, report, started } from '../testing/histories.ts'
import { foldAll, prunerContract, stopped } from '../testing/pruner-contract.ts'
import { bands } from './bands.ts'
import { wandbHyperband } from './wandb-hyperband-pruner.ts'

const hyperband = (settings: object) => WandbHyperband.parse({ type: 'hyperband', ...settings })

const variants = [
  hyperband({ maxIter: 5, eta: 2, s: 2 }),
  hyperband({ minIter: 1, eta: 1.5 }),
  hyperband({ minIter: 2, strict: false }),
  hyperband({ minIter: 3 }),
]
prunerContract(wandbHyperband, variants)

describe('bands', () => {
  test('come from max_iter by division, and max_iter wins', () => {
    expect(bands(hyperband({ maxIter: 27, s: 2, eta: 3 }))).toEqual([3, 9])
    expect(bands(hyperband({ maxIter: 19, s: 2, eta: 3, minIter: 5 }))).toEqual([2, 6])
    expect(bands(hyperband({ maxIter: 5, s: 2, eta: 2 }))).toEqual([1, 2])
    expect(bands(hyperband({ maxIter: 5, s: 9, eta: 2 }))).toEqual([1, 2])
  })

  test('come from min_iter by multiplication', () => {
    expect(bands(hyperband({ minIter: 3 })).slice(0, 4)).toEqual([3, 9, 27, 81])
    expect(bands(hyperband({ minIter: 1, eta: 1.5 })).slice(0, 5)).toEqual([1, 2, 3, 5, 7])
  })

  test('are found at once however near to 1 eta is', () => {
    const near = hyperband({ maxIter: Number.MAX_SAFE_INTEGER, s: Number.MAX_SAFE_INTEGER, eta: 1 + Number.EPSILON })
    expect(bands(near).length).toBeLessThanOrEqual(10_000)
  })

  test('without either are an error', () => {
    expect(() => bands(hyperband({}))).toThrow(/min_iter/)
  })
})

test('the vector of the W&B engine: thresholds 10 and 8, and only B stops', () => {
  const facts = [...curves({ 1: [10, 9], 2: [10, 10], 3: [10, 8, 8], 4: [10, 7, 7], 5: [10, 6, 6] }), ended(1)]
  const decisions = wandbHyperband.decide(foldAll(wandbHyperband, variants[0]!, facts))
  expect(decisions).toEqual([
    {
      kind: 'prune',
      trial: 2,
      attempt: 1,
      verdict: {
        reason: '10 was worse than 8, the threshold of 5 trials at value number 2',
        rung: 1,
        resource: 2,
        value: 10,
        threshold: 8,
        rank: 5,
        peers: 5,
      },
    },
  ])
})

test('two trials keep only the better one, three keep two, and equal is not worse', () => {
  const settings = hyperband({ minIter: 1 })
  expect(stopped(wandbHyperband, settings, curves({ 1: [5] }))).toEqual([])
  expect(stopped(wandbHyperband, settings, curves({ 1: [5], 2: [6] }))).toEqual([2])
  expect(stopped(wandbHyperband, settings, curves({ 1: [5], 2: [6], 3: [7] }))).toEqual([3])
  expect(stopped(wandbHyperband, settings, curves({ 1: [5], 2: [5], 3: [5] }))).toEqual([])
})

test('a trial is tested again when thresholds move, at the closest band only', () => {
  const settings = hyperband({ minIter: 1 })
  const first = curves({ 1: [5] })
  expect(stopped(wandbHyperband, settings, first)).toEqual([])
  expect(stopped(wandbHyperband, settings, [...first, ...curves({ 2: [4] })])).toEqual([1])
  // Past the second band the first one is not looked at any more.
  expect(stopped(wandbHyperband, settings, [...curves({ 1: [5, 5, 1] }), ...curves({ 2: [4] })])).toEqual([])
})

test('strict looks at the value at the band, otherwise the best so far counts', () => {
  const facts = curves({ 1: [4], 2: [6, 3], 3: [5] })
  expect(stopped(wandbHyperband, hyperband({ minIter: 1, strict: true }), facts)).toEqual([2])
  expect(stopped(wandbHyperband, hyperband({ minIter: 1, strict: false }), facts)).toEqual([])
})

test('bands count finite values, whatever their steps', () => {
  const settings = hyperband({ minIter: 2 })
  const facts = [
    ...curves({ 1: [1, 1] }),
    started(2),
    ...[9, Number.NaN, 9].map((value, index) => report(2, 100 * (index + 1), value)),
  ]
  expect(stopped(wandbHyperband, settings, facts.slice(0, -1))).toEqual([])
  expect(stopped(wandbHyperband, settings, facts)).toEqual([2])
})

/** The engine's rule written down as in the formats page, over whole histories. */
function engine(settings: WandbHyperband, facts: readonly FactBody[]): number[] {
  const runs = new Map<
    number,
    { attempt: number; values: { step: number; value: number }[]; running: boolean; current: boolean }
  >()
  for (const fact of facts) {
    if (fact.kind === 'attempt-started') {
      const run = runs.get(fact.trial)
      runs.set(fact.trial, { attempt: 0, values: [], ...run, running: true, current: false })
    } else if (fact.kind === 'attempt-ended') {
      runs.get(fact.trial)!.running = false
    } else if (fact.kind === 'report' && Number.isFinite(fact.value)) {
      const run = runs.get(fact.trial)!
      if (fact.attempt > run.attempt) {
        const cut = run.values.findIndex(({ step }) => step >= fact.step)
        if (cut >= 0) run.values.length = cut
      }
      run.attempt = fact.attempt
      run.current = true
      run.values.push({ step: fact.step, value: fact.value })
    }
  }
  const levels = bands(settings)
  const thresholds = levels.map((band) => {
    const values = [...runs.values()].flatMap((run) => (run.values.length >= band ? [run.values[band - 1]!.value] : []))
    values.sort((a, b) => a - b)
    return values.length === 0 ? Number.POSITIVE_INFINITY : values[Math.trunc((1 / settings.eta) * values.length)]!
  })
  return [...runs]
    .filter(([, run]) => {
      const closest = levels.findLastIndex((band) => band <= run.values.length)
      if (!run.running || !run.current || closest < 0) return false
      const at = run.values[levels[closest]! - 1]!.value
      const tested = settings.strict ? at : Math.min(...run.values.map(({ value }) => value))
      return tested > thresholds[closest]!
    })
    .map(([trial]) => trial)
    .sort((a, b) => a - b)
}

test('it decides as the engine does over whole histories', () => {
  let decisions = 0
  fc.assert(
    fc.property(fc.constantFrom(...variants), histories, (settings, facts) => {
      const expected = engine(settings, facts)
      decisions += expected.length
      expect(stopped(wandbHyperband, settings, facts)).toEqual(expected)
    }),
    { numRuns: 1000 },
  )
  expect(decisions).toBeGreaterThan(100)
})
