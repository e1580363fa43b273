import type { Metric } from '@sweep/spec/document/sweep-document'
import { expect, test } from 'vitest'
import { nothingObserved, observe } from '../observations/observations.ts'
import { RankedTrials } from '../observations/ranked-trials.ts'
import { created } from '../testing/histories.ts'
import { finished, type Outcome } from '../testing/sequential-run.ts'
import { goodTrials, otherRanks } from './good-trials.ts'

const names = ['loss', 'o2', 'o3', 'o4', 'o5']
const objectivesOf = (count: number): Metric[] =>
  names.slice(0, count).map((name) => ({ name, goal: 'minimize', summary: 'last' }))

/** The good ones of trials 1, 2, ... that ended like this, as trial numbers. */
function good(outcomes: readonly Outcome[], objectives: number) {
  const settings = {
    goal: 'minimize',
    objectives: objectives > 1 ? objectivesOf(objectives) : undefined,
    constraints: [{ name: 'memory', max: 8 }],
  } as const
  const facts = outcomes.flatMap((outcome, i) => [created(i + 1, {}), finished(i + 1, outcome)])
  const observations = facts.reduce((state, fact) => observe(state, [], settings, fact), nothingObserved(settings))
  const ranked = new RankedTrials(observations)
  return goodTrials(ranked).map(({ rank, weight }) => ({ trial: ranked.at(rank)!.trial, weight }))
}

const vector = (...losses: number[]) => ({
  ...Object.fromEntries(losses.map((loss, k) => [names[k]!, loss])),
  memory: 1,
})

test('with one objective the best are good, in their order', () => {
  const outcomes = Array.from({ length: 20 }, (_, i) => ({ loss: 20 - i, memory: 1 }))
  const chosen = good(outcomes, 1).map(({ trial }) => trial)
  expect(chosen).toEqual([20, 19, 18, 17, 16].slice(0, chosen.length))
  expect(chosen.length).toBeGreaterThan(1)
})

test('trials that break constraints are good only where too few do not, the nearest to the bounds first', () => {
  const outcomes = Array.from({ length: 20 }, (_, i) => ({ loss: i, memory: i === 12 ? 3 : 20 - i / 10 }))
  expect(
    good(outcomes, 1)
      .map(({ trial }) => trial)
      .slice(0, 3),
  ).toEqual([13, 20, 19])
})

test('of the last front those are good that together dominate most, and weigh what they alone dominate', () => {
  const front = Array.from({ length: 20 }, (_, i) => [i, (20 - i) ** 2 / 20])
  // One that is nearly another one.
  const twins = [...front, [10.01, 5 - 0.001]]
  const chosen = good(
    twins.map(([a, b]) => vector(a!, b!)),
    2,
  )
  const trials = chosen.map(({ trial }) => trial)
  expect(trials.includes(11) && trials.includes(21)).toBe(false)
  expect(Math.max(...trials) - Math.min(...trials)).toBeGreaterThan(8)
  expect(Math.max(...chosen.map(({ weight }) => weight))).toBe(1)
  expect(new Set(chosen.map(({ weight }) => weight)).size).toBe(chosen.length)
  expect(chosen.every(({ weight }) => weight >= 0.1)).toBe(true)
})

test('whole fronts come first', () => {
  const outcomes = Array.from({ length: 20 }, (_, i) => vector(i < 2 ? i : 5 + i, i < 2 ? 1 - i : 40 - i))
  const trials = good(outcomes, 2).map(({ trial }) => trial)
  expect(trials.slice(0, 2).sort()).toEqual([1, 2])
  expect(new Set(trials).size).toBe(trials.length)
})

test('trials that are all the same weigh the same, and so do those of more than four objectives', () => {
  const same = good(
    Array.from({ length: 20 }, () => vector(1, 1)),
    2,
  )
  expect(new Set(same.map(({ weight }) => weight)).size).toBe(1)
  const five = good(
    Array.from({ length: 20 }, (_, i) => vector(i, -i, i, 2, 3)),
    5,
  )
  expect(new Set(five.map(({ weight }) => weight))).toEqual(new Set([1]))
  expect(five.length).toBe(same.length)
})

test('the other ranks are those that are not good, in order', () => {
  const rankAt = otherRanks([0, 2, 5].map((rank) => ({ rank, weight: 1 })))
  expect(Array.from({ length: 5 }, (_, index) => rankAt(index))).toEqual([1, 3, 4, 6, 7])
  expect(otherRanks([])(3)).toBe(3)
})
