import { Pbt } from '@sweep/spec/document/sweep-document'
import type { FactBody } from '@sweep/spec/facts'
import { expect, test } from 'vitest'
import { noMembers, observe } from '../pbt/population.ts'
import { created, curves, report, trialEnded } from '../testing/histories.ts'
import { awaitedTrials, gainsOf, gainTargets } from './gains.ts'

function populationAfter(facts: readonly FactBody[], pbt: object = { interval: 5 }) {
  return facts.reduce(observe, noMembers(Pbt.parse(pbt), 'minimize'))
}

const copyOf = (trial: number, step?: number) => ({ ...created(9, { x: 1 }, 8), parent: { trial, step } }) as FactBody

test('a gain reaches from the first report of an interval to the first of the next, per unit of resource', () => {
  const population = populationAfter(curves({ 1: [10, 9, 8, 7, 6, 5, 4, 3, 2, 1] }))
  expect(gainsOf(population)).toEqual([
    { trial: 1, time: 1, perUnit: 1 },
    { trial: 1, time: 2, perUnit: 1 },
  ])
  const sparse = populationAfter([report(1, 2, 10), report(1, 6, 6), report(1, 13, 5.3)])
  expect(gainsOf(sparse).map(({ time }) => time)).toEqual([6 / 5, 13 / 5])
  expect(gainsOf(sparse)[1]?.perUnit).toBeCloseTo(0.1, 12)
})

test('a copy gains on what its parent had come to at the checkpoint, not on what it came to since', () => {
  const parent = curves({ 1: [10, 9, 8, 7, 6, 5, 4] })
  const own = [report(9, 6, 4), report(9, 10, 1)]
  expect(gainsOf(populationAfter([...parent, copyOf(1, 5), ...own])).slice(1)).toEqual([
    { trial: 9, time: 2, perUnit: 1 },
  ])
  // From nothing: its first report is where it begins.
  expect(gainsOf(populationAfter([...parent, copyOf(1), report(9, 1, 9), report(9, 5, 5)])).slice(1)).toEqual([
    { trial: 9, time: 1, perUnit: 1 },
  ])
})

test('reports are counted on from those of the ancestors', () => {
  const facts = [...curves({ 1: [9, 8, 7, 6] }), copyOf(1, 4), report(9, 5, 5), report(9, 6, 4), report(9, 7, 3)]
  const gains = gainsOf(populationAfter(facts, { interval: 3, resource: 'reports' }))
  expect(gains.filter(({ trial }) => trial === 9)).toEqual([{ trial: 9, time: 2, perUnit: 1 }])
})

test('to end in no number is the worst gain, and to come back from it none', () => {
  const population = populationAfter(curves({ 1: [1, 1, 1, 1, Number.NaN, 1, 1, 1, 1, 2, 2, 2, 2, 2, 1] }))
  expect(gainsOf(population).map(({ perUnit }) => perUnit)).toEqual([Number.NEGATIVE_INFINITY, 0.2])
})

test('those are awaited who have shown no gain and train or are to begin', () => {
  const population = populationAfter([
    created(1, { x: 1 }, 0),
    created(2, { x: 2 }, 1),
    created(3, { x: 3 }, 2),
    ...curves({ 2: [5, 4, 3, 2, 1], 3: [5], 4: [5] }),
    trialEnded(4),
    copyOf(2, 5),
  ])
  expect([...awaitedTrials(population, gainsOf(population))].sort()).toEqual([1, 3, 9])
})

test('a gain stands among those of the same interval alone', () => {
  const gain = (time: number, perUnit: number) => ({ trial: 1, time, perUnit })
  const worst = Number.NEGATIVE_INFINITY
  expect(gainTargets([gain(1, 100), gain(1.2, 300), gain(2, 0.1), gain(2, 0.1), gain(2, 0.4), gain(2, worst)])).toEqual(
    [-1, 1, ...[-1, -1, 3, -1].map((value) => expect.closeTo(value / Math.sqrt(3), 9))],
  )
  expect(gainTargets([gain(1, 5), gain(2, worst), gain(2, worst)])).toEqual([0, 0, 0])
})
