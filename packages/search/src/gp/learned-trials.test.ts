import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { nothingObserved, observe } from '../observations/observations.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import { axisOf } from '../space/axis.ts'
import { created, report } from '../testing/histories.ts'
import { spaceOf } from '../testing/spaces.ts'
import { learnedTrials, shownRanks } from './learned-trials.ts'

const axes = spaceOf({ name: 'x', type: 'float', min: 0, max: 1 }).parameters.flatMap((one) => axisOf(one) ?? [])

type End = readonly ['completed' | 'pruned' | 'failed' | 'cancelled', number | null]

/** Trials 1, 2, ... at x = 0.01, 0.02, ..., with these ends. */
function observationsOf(ends: readonly End[]) {
  const facts = ends.flatMap(([state, value], index): FactBody[] => [
    created(index + 1, { x: (index + 1) / 100 }),
    report(index + 1, 1, value ?? 0),
    { kind: 'trial-ended', trial: index + 1, state, value, reason: 'test' },
  ])
  return facts.reduce(
    (before, fact) => observe(before, axes, { goal: 'minimize' }, fact),
    nothingObserved({ goal: 'minimize' }),
  )
}

/** Losses by number of the trial. */
function lossesOf(...ends: readonly End[]): Record<number, number> {
  const observations = observationsOf(ends)
  const { points, losses } = learnedTrials(observations, new RankedTrials(observations), 100)
  return Object.fromEntries(points.map((point, i) => [Math.round(point[0]! * 100), losses[i]!]))
}

test('a pruned trial is no better than the median, a failed one is as bad as the worst, a cancelled one is nothing', () => {
  const losses = lossesOf(
    ['completed', 1],
    ['pruned', 0.5],
    ['completed', 3],
    ['pruned', 40],
    ['failed', null],
    ['cancelled', 0],
    ['completed', 2],
    ['completed', Number.NaN],
  )
  expect(losses).toEqual({ 1: 1, 2: 2, 3: 3, 4: 40, 5: 40, 7: 2, 8: 40 })
})

test('without completed trials the pruned ones count by their own losses', () => {
  expect(lossesOf(['pruned', 5], ['failed', null], ['pruned', 7])).toEqual({ 1: 5, 2: 7, 3: 7 })
})

test('of too many trials the best half of what is shown is shown whole, and the rest evenly', () => {
  expect(shownRanks(5, 8)).toEqual([0, 1, 2, 3, 4])
  expect(shownRanks(8, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(shownRanks(20, 8)).toEqual([0, 1, 2, 3, 6, 10, 14, 18])
  expect(new Set(shownRanks(301, 300)).size).toBe(300)
  expect(Math.max(...shownRanks(100_000, 300))).toBeLessThan(100_000)
})

test('the standard error of a mean of several runs is learned with it, and forgotten with it', () => {
  const facts: FactBody[] = [
    created(1, { x: 0.1 }),
    created(2, { x: 0.2 }),
    { kind: 'trial-ended', trial: 1, state: 'completed', value: 1, spread: 0.25, reason: 'test' },
    { kind: 'trial-ended', trial: 2, state: 'completed', value: 2, reason: 'test' },
  ]
  const settings = { goal: 'minimize' } as const
  const told = facts.reduce((before, fact) => observe(before, axes, settings, fact), nothingObserved(settings))
  expect(learnedTrials(told, new RankedTrials(told), 10).spreads).toEqual([0.25, 0])
  const again = observe(told, axes, settings, { kind: 'trial-requeued', trial: 1, by: 'ann' })
  const ended = observe(again, axes, settings, {
    kind: 'trial-ended',
    trial: 1,
    state: 'completed',
    value: 1,
    reason: 'test',
  })
  expect(learnedTrials(ended, new RankedTrials(ended), 10).spreads).toEqual([0, 0])
})
